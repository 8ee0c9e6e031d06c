//! Findings of the `check` commands: one line for each subject, and a remedy where something is wrong.

use std::io::{self, Write};

/// What a check found about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, such as `rabbitmq`.
    pub subject: &'static str,
    /// Outcome of the check.
    pub result: Result<Found, Problem>,
}

/// The service can work with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The subject is as it should be; what it is, in words.
    Sound(String),
    /// It works, and an operator should know about a risk.
    Warning(String),
}

/// The service cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong with the value, in words.
    pub what: String,
    /// What to do about it; `None` where `what` says so.
    pub remedy: Option<&'static str>,
}

impl Problem {
    /// A problem with its remedy.
    #[must_use]
    pub fn new(what: String, remedy: &'static str) -> Self {
        let remedy = Some(remedy);
        Self { what, remedy }
    }
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self { what, remedy: None }
    }
}

impl From<String> for Found {
    fn from(text: String) -> Self {
        Self::Sound(text)
    }
}

impl Finding {
    /// The result of one check.
    #[must_use]
    pub fn new<F: Into<Found>, P: Into<Problem>>(
        subject: &'static str,
        result: Result<F, P>,
    ) -> Self {
        let result = result.map(Into::into).map_err(Into::into);
        Self { subject, result }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let subject = self.subject;
        match &self.result {
            Ok(Found::Sound(text)) => writeln!(out, "ok    {subject}: {text}"),
            Ok(Found::Warning(text)) => writeln!(out, "warn  {subject}: {text}"),
            Err(Problem { what, remedy }) => {
                writeln!(out, "FAIL  {subject}: {what}")?;
                match remedy {
                    Some(remedy) => writeln!(out, "      remedy: {remedy}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Writes a line for each finding, and returns whether the service can work. Warnings do not count against it.
///
/// # Errors
///
/// When the lines cannot be written.
pub fn report(findings: &[Finding], out: &mut impl Write) -> io::Result<bool> {
    for finding in findings {
        finding.write(out)?;
    }
    Ok(findings.iter().all(|finding| finding.result.is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(findings: &[Finding]) -> (bool, String) {
        let mut out = Vec::new();
        let is_sound = report(findings, &mut out).unwrap();
        (is_sound, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_finding_is_a_line_and_only_a_failure_counts() {
        let sound = Finding::new("redis", Ok::<_, Problem>("version 7".to_owned()));
        let warning = Found::Warning("none".to_owned());
        let warning = Finding::new("spool", Ok::<_, Problem>(warning));
        let problem = Problem::new("refused".to_owned(), "start it");
        let failure = Finding::new("rabbitmq", Err::<Found, _>(problem));

        assert_eq!(
            reported(&[sound.clone(), warning.clone()]),
            (
                true,
                "ok    redis: version 7\nwarn  spool: none\n".to_owned()
            )
        );
        let (is_sound, text) = reported(&[sound, failure]);
        assert!(!is_sound);
        assert!(
            text.ends_with("FAIL  rabbitmq: refused\n      remedy: start it\n"),
            "{text}"
        );
    }
}
