//! What the note says of whose record it is.

use super::*;

#[test]
fn who_shares_a_number_is_named_in_the_note() {
    let call = interaction(&[include_bytes!(
        "../../../../shared/fixtures/events/guide-interaction-completed.json"
    )]);

    let activity = written(&call, shared());

    assert!(
        activity
            .note
            .contains("several people share this number: Kim Colleague (3), 9<br>"),
        "{}",
        activity.note
    );
    assert!(
        activity
            .note
            .contains("https://recordings.example.invalid/9c8b7a65"),
        "{}",
        activity.note
    );
    assert_eq!(activity.subject, "Call with Casey Customer (7 min 21 s)");
}

#[test]
fn who_may_have_a_number_is_named_in_the_note_and_not_attached() {
    let call = interaction(&[include_bytes!(
        "../../../../shared/fixtures/events/guide-interaction-completed.json"
    )]);

    let activity = written(&call, Target::Undecided(vec![named(3, None)]));

    assert!(activity.participants.is_empty());
    let named = "<b>Not attached:</b> stored without country code, these digits may be a number of another country: 3<br>";
    assert!(activity.note.contains(named), "{}", activity.note);
}

#[test]
fn a_note_says_what_stands_in_place_of_a_customers_number() {
    for (given, line) in [
        ("4915791234567", "+4915791234567 (given as 4915791234567)"),
        ("911", "short code (911)"),
        ("555-0143", "no possible number (555-0143)"),
        ("anonymous", "withheld"),
    ] {
        let body = format!(
            r#"{{"data":{{"id":"call-1","channelType":"voice","phoneNumber":"{given}"}}}}"#
        );
        let note = written(&interaction(&[body.as_bytes()]), Target::NoHandle).note;
        assert!(
            note.contains(&format!("<b>Number:</b> {line}<br>")),
            "{note}"
        );
    }
}

#[test]
fn who_shares_a_number_is_linked_where_the_companys_host_is_known() {
    let call = interaction(&[include_bytes!(
        "../../../../shared/fixtures/events/guide-interaction-completed.json"
    )]);
    let style = Style {
        person_url: Some("https://company.pipedrive.com/person/".to_owned()),
        ..style()
    };

    let note = written_in(&call, &Attachment::to(shared()), &style).note;

    let links = "share this number: <a href=\"https://company.pipedrive.com/person/3\">Kim Colleague</a>, \
        <a href=\"https://company.pipedrive.com/person/9\">9</a><br>";
    assert!(note.contains(links), "{note}");
}

#[test]
fn a_third_party_who_is_known_is_named_as_in_pipedrive_with_a_link() {
    let call = Interaction {
        third_parties: ["tel:+12025550199", "tel:+12025550198", "tel:+12025550197"]
            .map(|number| ThirdParty {
                number: Some(number.to_owned()),
                name: None,
            })
            .to_vec(),
        ..interaction(&[include_bytes!(
            "../../../../shared/fixtures/events/guide-interaction-completed.json"
        )])
    };
    let mut attachment = Attachment {
        named: BTreeMap::from([
            (
                "tel:+12025550199".to_owned(),
                named(8, Some("Sam <Supplier>")),
            ),
            (
                "tel:+12025550198".to_owned(),
                named(5, Some("Casey Customer")),
            ),
        ]),
        ..Attachment::to(Target::Person(PersonId(5).into()))
    };
    let linked = Style {
        person_url: Some("https://company.pipedrive.com/person/".to_owned()),
        ..style()
    };

    for (style, name) in [
        (style(), "Sam &lt;Supplier&gt;"),
        (
            linked,
            "<a href=\"https://company.pipedrive.com/person/8\">Sam &lt;Supplier&gt;</a>",
        ),
    ] {
        let note = written_in(&call, &attachment, &style).note;
        let line = format!("<b>Also took part:</b> {name} (+12025550199), +12025550197<br>");
        assert!(note.contains(&line), "{note}");
    }

    // A person of ours without a name.
    let unnamed = named(8, Some("+12025550199"));
    attachment
        .named
        .insert("tel:+12025550199".to_owned(), unnamed);
    let note = written_in(&call, &attachment, &style()).note;
    let line = "<b>Also took part:</b> +12025550199, +12025550197<br>";
    assert!(note.contains(line), "{note}");
}

#[test]
fn a_note_says_why_neither_number_is_taken_for_the_customers() {
    let body = br#"{"event":"conversation.ended","conversationId":"call-1","callerId":"+12025550143","calleeId":"+12025550177","durationSeconds":60}"#;
    let call = interaction(&[body]);

    let note = written(&call, Target::NoHandle).note;

    let line = "<b>Not attached:</b> the events do not say whether the customer called or was called, \
        so that none of these numbers is certain to be the customer's: +12025550143, +12025550177<br>";
    assert!(note.contains(line), "{note}");
}

#[test]
fn an_organisation_has_the_activity_and_no_third_party_takes_its_place() {
    let call = interaction(&[include_bytes!(
        "../../../../shared/fixtures/events/guide-interaction-completed.json"
    )]);
    let attachment = Attachment {
        to: Target::Organization {
            organization: OrganizationId(5),
            deal: None,
            by: HandleKind::Number,
            people: vec![named(3, None), named(4, None)],
        },
        third_parties: vec![PersonId(8)],
        newcomers: Vec::new(),
        named: BTreeMap::new(),
    };

    let activity = written_in(&call, &attachment, &style());

    assert_eq!(activity.org_id, Some(OrganizationId(5)));
    assert_eq!(activity.owner_id, None);
    assert_eq!(
        activity.participants,
        [],
        "the first would be the primary one"
    );
}
