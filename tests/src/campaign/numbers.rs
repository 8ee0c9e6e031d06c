//! Telephone numbers of callers and of third parties: from the ranges that are reserved for examples, in the forms that
//! people and systems write them.

use std::ops::Range;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

/// Numbers from which an established caller is drawn at first.
const FAMILIAR: usize = 20;
/// Of the British range: numbers that call, those of suppliers who are in the CRM, and those of parties who are not.
const CALLERS: Range<u16> = 0..900;
const SUPPLIERS: Range<u16> = 900..950;
const STRANGERS: Range<u16> = 950..1000;

/// Who has a number in the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holders {
    /// One person has the number.
    One,
    /// Two people of one organisation.
    Colleagues,
    /// Two people of two organisations.
    Unrelated,
}

/// A number of one of the reserved ranges: +1-202-555-0100 to 0199, +44 7700 900000 to 900999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The last two digits in the American range.
    American(u16),
    /// The last three digits in the British one.
    British(u16),
}

impl Number {
    /// One of the forms in which an event may hold it.
    pub(super) fn written(self, rng: &mut StdRng) -> String {
        let form = rng.random_range(0..5);
        match (self, form) {
            (Self::American(n), 0) => format!("(202) 555-01{n:02}"),
            (Self::American(n), 1) => format!("20255501{n:02}"),
            (Self::American(n), 2) => format!("+1 202-555-01{n:02}"),
            (Self::American(n), 3) => format!("tel:+120255501{n:02}"),
            (Self::American(n), _) => format!("+120255501{n:02}"),
            (Self::British(n), 0) => format!("+44 7700 900{n:03}"),
            (Self::British(n), 1) => format!("+44-7700-900-{n:03}"),
            (Self::British(n), 2) => format!("tel:+447700900{n:03}"),
            (Self::British(n), _) => format!("+447700900{n:03}"),
        }
    }

    /// Its one normal form.
    pub(super) fn international(self) -> String {
        match self {
            Self::American(n) => format!("+120255501{n:02}"),
            Self::British(n) => format!("+447700900{n:03}"),
        }
    }

    /// The form in which it was typed into the CRM.
    #[must_use]
    pub fn typed(self) -> String {
        match self {
            Self::American(n) => format!("(202) 555-01{n:02}"),
            // Without its country code it would fit other countries as well, and the call would not be attached.
            Self::British(n) => format!("+44 (0)7700 900{n:03}"),
        }
    }
}

/// The numbers of suppliers, who are in the CRM and never call.
pub(super) fn suppliers() -> impl Iterator<Item = Number> {
    SUPPLIERS.map(Number::British)
}

/// The number of a third party: of a supplier, or of a party that no one knows.
pub(super) fn third_party(rng: &mut StdRng, is_known: bool) -> Number {
    let range = if is_known { SUPPLIERS } else { STRANGERS };
    Number::British(rng.random_range(range))
}

/// All numbers of callers, in the order in which callers turn up.
pub(super) struct Pool {
    numbers: Vec<Number>,
    /// How many of them have called.
    called: usize,
}

impl Pool {
    pub(super) fn shuffled(rng: &mut StdRng) -> Self {
        let american = (0..100).map(Number::American);
        let british = CALLERS.map(Number::British);
        let mut numbers: Vec<_> = american.chain(british).collect();
        numbers.shuffle(rng);
        Self { numbers, called: 0 }
    }

    /// One in eight is in the CRM before; of those, two people share one in ten.
    pub(super) fn known(&self, rng: &mut StdRng) -> Vec<(Number, Holders)> {
        let mut known = Vec::new();
        for number in &self.numbers {
            if rng.random_bool(0.125) {
                let holders = match rng.random_range(0..20) {
                    0 => Holders::Colleagues,
                    1 => Holders::Unrelated,
                    _ => Holders::One,
                };
                known.push((*number, holders));
            }
        }
        known
    }

    /// A number that has not called yet, as long as there are any.
    pub(super) fn fresh(&mut self, rng: &mut StdRng) -> Number {
        self.called = (self.called + 1).min(self.numbers.len());
        if self.called == self.numbers.len() {
            return self.any(rng);
        }
        self.numbers[self.called - 1]
    }

    /// A caller, when `share` of the campaign is over: new ones turn up until its end.
    pub(super) fn draw(&mut self, rng: &mut StdRng, share: f64) -> Number {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of 1000"
        )]
        let due = (self.numbers.len() as f64 * share) as usize;
        if self.called < due && rng.random_bool(0.5) {
            return self.fresh(rng);
        }
        // The latest caller calls again: the search does not know them yet.
        if self.called > 0 && rng.random_bool(0.1) {
            return self.numbers[self.called - 1];
        }
        self.any(rng)
    }

    fn any(&self, rng: &mut StdRng) -> Number {
        let among = self.called.clamp(FAMILIAR, self.numbers.len());
        self.numbers[rng.random_range(0..among)]
    }
}
