//! The last line of a note: it names the interaction, so that its activity can be found again in Pipedrive.

use shared::domain::ids::InteractionId;

/// What every marker line begins with; the interaction id follows.
pub(crate) const MARKER: &str = "Genesys interaction ";

/// The marker line of `interaction`, not escaped.
#[must_use]
pub(crate) fn of(interaction: &InteractionId) -> String {
    format!("{MARKER}{interaction}")
}

/// The marker lines in a note as Pipedrive returns it. Whole lines, because one id may begin with another one.
pub(crate) fn all_in(note: &str) -> impl Iterator<Item = &str> {
    let pieces = note.split(['\n', '<', '>']).map(str::trim);
    pieces.filter(|piece| piece.starts_with(MARKER))
}

/// A text in which nothing reads as a marker: a copied one would make a note the record of another interaction.
#[must_use]
pub(crate) fn defused(text: impl AsRef<str>) -> String {
    text.as_ref()
        .replace(MARKER, &format!("{}: ", MARKER.trim_end()))
}
