//! What a person sees: a table of what was posted and what landed, and where to look further.

use std::fmt::Write as _;
use std::io::IsTerminal;

use shared::broker::topology::{DEAD_LETTER_QUEUE, WORK_QUEUE};

use super::outcome::{Seen, describe};
use super::scene::Scene;
use super::stage::{Stage, TOKEN};

/// Widths of the first two columns and of the third, at which it is broken: together a little over a hundred.
const TITLE: usize = 39;
const ANSWER: usize = 16;
const LANDED: usize = 52;

/// Bold, green, red and grey, or none of them.
#[derive(Clone, Copy, Debug)]
pub struct Colours {
    are_on: bool,
}

impl Colours {
    /// Colours on a terminal, unless `NO_COLOR` is set (no-color.org).
    #[must_use]
    pub fn of(stream: &impl IsTerminal) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            are_on: stream.is_terminal() && !unwanted,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.are_on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn grey(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For what is wrong.
    #[must_use]
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }
}

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Scene of the demonstration that was posted.
    pub scene: Scene,
    /// What was seen of it.
    pub seen: Seen,
    /// What is wrong with that, if anything is.
    pub verdict: Result<(), String>,
}

/// What was posted → what was answered → what landed.
#[must_use]
pub fn table(rows: &[Row], colours: Colours) -> String {
    let head = format!(
        "  {:<TITLE$}  {:<ANSWER$}  {}",
        "Posted", "Answer", "What landed"
    );
    let rule = format!("  {}", "─".repeat(TITLE + ANSWER + LANDED + 4));
    let mut text = format!("\n{}\n{}\n", colours.bold(&head), colours.grey(&rule));
    for Row {
        scene,
        seen,
        verdict,
    } in rows
    {
        let (mark, landed) = match verdict {
            Ok(()) => (colours.green("✓"), describe(seen)),
            Err(wrong) => (
                colours.red("✗"),
                format!("{}; WRONG: {wrong}", describe(seen)),
            ),
        };
        let mut lines = wrapped(&landed, LANDED).into_iter();
        let first = lines.next().unwrap_or_default();
        put(
            &mut text,
            format_args!(
                "{mark} {:<TITLE$}  {:<ANSWER$}  {first}\n",
                scene.title,
                answers(seen)
            ),
        );
        for line in lines {
            put(
                &mut text,
                format_args!("  {:<TITLE$}  {:<ANSWER$}  {line}\n", "", ""),
            );
        }
    }
    text
}

/// Where to look, and what to try.
///
/// # Errors
///
/// When the worker's program is gone.
pub fn directions(stage: &Stage, colours: Colours) -> anyhow::Result<String> {
    let management = stage.management_url();
    let mut ui = management.clone();
    // Neither can fail for an address that has a host.
    ui.set_password(None).ok();
    ui.set_username("").ok();
    let credentials = if std::env::var_os("BRIDGE__BROKER__URL").is_some_and(|url| !url.is_empty())
    {
        "user and password as in BRIDGE__BROKER__URL".to_owned()
    } else {
        format!(
            "user {}, password {}",
            management.username(),
            management.password().unwrap_or_default()
        )
    };
    let addresses = [
        ("Sandbox page", format!("{}/", stage.sandbox.base_url())),
        ("RabbitMQ UI", format!("{ui}  ({credentials})")),
        (
            "Dead letters",
            format!("{ui}#/queues/{}/{DEAD_LETTER_QUEUE}", stage.vhost()),
        ),
        ("ingest", format!("{}/metrics", stage.ingest_url)),
        ("worker", format!("{}/metrics", stage.worker_url)),
        (
            "Logs",
            format!("{}/ingest.log, worker.log", stage.logs().display()),
        ),
    ];
    let mut text = String::from("\n");
    for (name, address) in addresses {
        put(
            &mut text,
            format_args!("  {}  {address}\n", colours.bold(&format!("{name:<12}"))),
        );
    }
    put(
        &mut text,
        format_args!(
            "\n  {}\n    curl -i {}/api/v1/genesys/webhook -H 'Authorization: Bearer {TOKEN}' \\\n      \
             -d '{{\"data\":{{\"id\":\"call-1\",\"channelType\":\"voice\",\"phoneNumber\":\"+15550123456\",\"duration\":42}}}}'\n",
            colours.bold("Send a call of your own:"),
            stage.ingest_url,
        ),
    );
    put(
        &mut text,
        format_args!(
            "\n  {}\n    in the RabbitMQ UI, at that queue: Move messages, Destination queue {WORK_QUEUE}\n    \
             or: {}\n",
            colours.bold("Replay dead letters, when there are any:"),
            stage.replay_command()?,
        ),
    );
    Ok(text)
}

fn answers(seen: &Seen) -> String {
    let Some(first) = seen.answers.first() else {
        return String::new();
    };
    let word = first.body["status"].as_str().unwrap_or_default();
    match seen.answers.len() {
        1 => format!("{} {word}", first.status),
        count => format!("{count} × {} {word}", first.status),
    }
}

/// Breaks a text between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line)
        .expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""]);
    }
}
