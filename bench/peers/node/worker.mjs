// Consumes, checks for duplicates, and writes activities. Arguments: addresses of RabbitMQ, of Redis, of the CRM.
import amqp from "amqplib";
import { Redis } from "ioredis";
import { Pool } from "undici";

const [address, redisAddress, crm] = process.argv.slice(2);
const prefetch = 32;
// Commands of one turn of the event loop go out together.
const redis = new Redis(redisAddress, { enableAutoPipelining: true });
const http = new Pool(crm, { connections: prefetch });
const connection = await amqp.connect(address, { noDelay: true });
const channel = await connection.createChannel();
await channel.prefetch(prefetch);

async function request(method, path, content) {
  const headers = content && { "content-type": "application/json" };
  const body = content && JSON.stringify(content);
  const answer = await http.request({ method, path, headers, body });
  if (answer.statusCode !== 200) throw new Error(`the CRM answered ${answer.statusCode}`);
  return answer.body.json();
}

async function consume(message) {
  const { id, phoneNumber } = JSON.parse(message.content.toString()).data;
  if ((await redis.set(`node:${id}`, "1", "EX", 3600, "NX")) === "OK") {
    const found = await request("GET", `/api/v2/persons/search?term=${encodeURIComponent(phoneNumber)}&fields=phone`);
    const person = found.data.items[0].item.id;
    const participants = [{ person_id: person, primary: true }];
    await request("POST", "/api/v2/activities", { subject: "Call", type: "call", done: true, note: id, participants });
  }
  channel.ack(message);
}

await channel.consume("interactions.work", (message) => {
  consume(message).catch((error) => console.error(error));
});
