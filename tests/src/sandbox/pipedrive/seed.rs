//! The company of a demonstration: people with numbers in the forms that people type.

use super::control::Control;

/// Adds users, people and deals.
pub(super) fn demo(control: &Control) {
    control.add_user("Agent One", "agent.one@example.com");
    control.add_user("Agent Two", "agent.two@example.com");
    control.add_activity_type("Chat", "chat");

    let guide = control.add_person("Guide Example", &["(555) 012-3456"]);
    control.add_deal("Guide Example: yearly contract", guide);
    let national = control.add_person("National Format", &["(202) 555-0123"]);
    control.add_deal("National Format: first order", national);
    control.add_deal("National Format: renewal", national);
    control.add_person(
        "International Format",
        &["+44 7700 900123", "+44 7700 900124"],
    );
    control.add_person("Plain Digits", &["12025550187"]);
    control.add_person("Shared Desk A", &["+1 202-555-0142"]);
    control.add_person("Shared Desk B", &["+1 202-555-0142"]);
}
