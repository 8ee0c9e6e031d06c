// Does with Pipedrive's official client what the bridge does, against the sandbox whose address and API token the
// environment names. Ends with an error at the first answer that is not as the client's own types promise.

import assert from "node:assert/strict";
import * as v1 from "pipedrive/v1";
import * as v2 from "pipedrive/v2";

const origin = process.env.SANDBOX_URL;
const apiKey = process.env.SANDBOX_API_TOKEN;
assert(origin && apiKey, "SANDBOX_URL and SANDBOX_API_TOKEN have to be set");

const current = new v2.Configuration({ apiKey, basePath: `${origin}/api/v2` });
const old = new v1.Configuration({ apiKey, basePath: `${origin}/v1` });
const persons = new v2.PersonsApi(current);
const activities = new v2.ActivitiesApi(current);
const deals = new v2.DealsApi(current);
const notes = new v1.NotesApi(old);
const users = new v1.UsersApi(old);
const activityTypes = new v1.ActivityTypesApi(old);

const me = await users.getCurrentUser();
assert.equal(me.data.is_you, true);

const created = await persons.addPerson({
  AddPersonRequest: { name: "Example Customer", phones: [{ value: "(202) 555-0123", primary: true, label: "work" }] },
});
const personId = created.data.id;

const found = await persons.searchPersons({ term: "2025550123", fields: "phone" });
assert.deepEqual(found.data.items.map(({ item }) => item.id), [personId]);
assert.deepEqual(found.data.items[0].item.phones, ["(202) 555-0123"]);

const types = await activityTypes.getActivityTypes();
assert(types.data.some((type) => type.key_string === "call"));

const deal = await deals.addDeal({ AddDealRequest: { title: "First order", person_id: personId } });
const open = await deals.getDeals({ person_id: personId, status: "open" });
assert.deepEqual(open.data.map(({ id }) => id), [deal.data.id]);

const activity = await activities.addActivity({
  AddActivityRequest: {
    subject: "Inbound call",
    type: "call",
    done: true,
    due_date: "2026-01-14",
    due_time: "18:16",
    duration: "00:05",
    deal_id: deal.data.id,
    participants: [{ person_id: personId, primary: true }],
    note: "Interaction 7f0c1a2b",
  },
});
assert.equal(activity.data.person_id, personId);

const listed = await activities.getActivities({ person_id: personId, sort_by: "add_time", sort_direction: "desc" });
assert.deepEqual(listed.data.map(({ id, note }) => [id, note]), [[activity.data.id, "Interaction 7f0c1a2b"]]);

const changed = await activities.updateActivity({
  id: activity.data.id,
  AddActivityRequest: { note: "Interaction 7f0c1a2b, wrapped up" },
});
assert.equal(changed.data.note, "Interaction 7f0c1a2b, wrapped up");

// The client rejects with the body of the refusal.
await assert.rejects(
  activities.addActivity({ AddActivityRequest: { subject: "Refused", person_id: personId } }),
  ({ code, error }) => code === "ERR_BAD_REQUEST" && error.startsWith("'person_id' is a read-only field"),
);

const note = await notes.addNote({ AddNoteRequest: { content: "Called back", person_id: personId } });
const personNotes = await notes.getNotes({ person_id: personId });
assert.deepEqual(personNotes.data.map(({ id }) => id), [note.data.id]);

console.log("The official client is content.");
