//! How systems write that a number is withheld: words, words spelled on a keypad, zeros.

use super::text::has_letters;

/// Words for a withheld or unknown number, in lower case. Together with [`FILLERS`] they form phrases.
const WORDS: &str = include_str!("withheld_words.txt");

/// Words beside them that say nothing more: `private number`, `numéro masqué`.
const FILLERS: &str = include_str!("withheld_fillers.txt");

/// Words that trunks spell on a keypad, because a number must be digits.
const KEYPAD_WORDS: &[&str] = &[
    "anonymous",
    "restricted",
    "unavailable",
    "unknown",
    "blocked",
    "private",
    "withheld",
    "outofarea",
    "nocallerid",
    "notavailable",
    "unknowncaller",
    "callerunknown",
    "privatenumber",
    "privatecaller",
];

/// A spelling of ANONYMOUS with a key too many, which is met as well.
const MISSPELLED_ANONYMOUS: &str = "2667696687";

/// A real number of so many digits is far less likely than the word.
const LONG_WORD: usize = 9;

/// Whether a text says in words that there is no number.
pub(super) fn is_withheld(text: &str) -> bool {
    if !has_letters(text) {
        return false;
    }
    let phrase = words_of(text);
    !phrase.is_empty() && (is_word(&phrase) || is_phrase(&phrase))
}

/// Lower case, one space between words, no punctuation.
fn words_of(text: &str) -> String {
    let spaced: String = text
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if is_of_word(c) { c } else { ' ' })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Vowel signs and tone marks are part of words and no letters.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric()
        || !(c.is_ascii() || c.is_whitespace() || ('\u{2000}'..='\u{303F}').contains(&c))
}

fn is_word(phrase: &str) -> bool {
    lists(WORDS, phrase)
}

/// Whether a list has a phrase.
fn lists(list: &str, phrase: &str) -> bool {
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(','))
        .any(|listed| listed.trim() == phrase)
}

/// Whether it is a withheld word among fillers.
fn is_phrase(phrase: &str) -> bool {
    let without_fillers: Vec<&str> = phrase
        .split(' ')
        .filter(|word| !lists(FILLERS, word))
        .collect();
    match &without_fillers[..] {
        [] => false,
        words => is_word(&words.join(" ")) || words.iter().all(|word| is_word(word)),
    }
}

/// The word that digits spell on a keypad, and whether it is so long that no number is meant. A `1` before it is a trunk's.
pub(super) fn keypad_word(digits: &str) -> Option<(&'static str, bool)> {
    let spells = |digits: &str| {
        if digits == MISSPELLED_ANONYMOUS {
            return Some("anonymous");
        }
        KEYPAD_WORDS
            .iter()
            .copied()
            .find(|word| keypad(word).eq(digits.bytes()))
    };
    let word = spells(digits).or_else(|| spells(digits.strip_prefix('1')?))?;
    Some((word, word.len() >= LONG_WORD))
}

fn keypad(word: &str) -> impl Iterator<Item = u8> + '_ {
    word.bytes().map(|letter| match letter {
        b'a'..=b'c' => b'2',
        b'd'..=b'f' => b'3',
        b'g'..=b'i' => b'4',
        b'j'..=b'l' => b'5',
        b'm'..=b'o' => b'6',
        b'p'..=b's' => b'7',
        b't'..=b'v' => b'8',
        _ => b'9',
    })
}

/// Whether nothing but zeros stands in the place of a number, behind a country code too.
pub(super) fn is_zeros(digits: &str) -> bool {
    !digits.is_empty() && digits.trim_start_matches('0').is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_languages_say_that_a_number_is_withheld() {
        for text in [
            "Anonymous",
            "Unknown",
            "PRIVATE NUMBER",
            "No Caller ID",
            "caller_id_blocked",
            "<unknown>",
            "N/A",
            "unbekannt",
            "Rufnummer unterdrückt",
            "Numéro masqué",
            "NÚMERO OCULTO",
            "número privado",
            "numero sconosciuto",
            "onbekend",
            "Okänt nummer",
            "numer zastrzeżony",
            "Скрытый номер",
            "非通知",
            "未知号码",
            "발신번호 표시제한",
            "رقم مجهول",
            "gizli numara",
            "ẩn danh",
            "अज्ञात",
        ] {
            assert!(is_withheld(text), "{text}");
        }
    }

    #[test]
    fn a_name_or_an_address_is_no_word_for_a_withheld_number() {
        for text in [
            "",
            "number",
            "caller",
            "casey@example.com",
            "anonymous@example.com",
            "Casey Private",
            "guest-17",
        ] {
            assert!(!is_withheld(text), "{text}");
        }
    }

    #[test]
    fn digits_spell_words_on_a_keypad() {
        for (digits, word) in [
            ("266696687", "anonymous"),
            ("1266696687", "anonymous"),
            ("2667696687", "anonymous"),
            ("7378742833", "restricted"),
            ("2562533", "blocked"),
            ("8656696", "unknown"),
            ("86282452253", "unavailable"),
        ] {
            assert_eq!(
                keypad_word(digits).map(|(word, _)| word),
                Some(word),
                "{digits}"
            );
        }
        assert_eq!(keypad_word("12025550143"), None);
    }
}
