//! The form of one person's entry in the directory; `scripts/directory_entries.lua` reads its first part.

use std::collections::BTreeSet;

use pipedrive::{OrganizationId, PersonId, UserId};

/// People of one hash: so few, and so short, that Redis keeps them in one compact list.
const PER_BUCKET: u64 = 64;
/// Handles of one person beyond this are left out: their number is one byte.
const MOST_HANDLES: usize = 255;
/// Bytes before the handles.
const HEAD: usize = 7;
/// Bytes of a handle, and of a person in a record.
pub(super) const WORD: usize = 8;

/// What the directory knows of a person. No names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Id of the person.
    pub id: PersonId,
    /// When it changed last, in seconds of Unix time.
    pub updated: u32,
    /// Hashes of its numbers and addresses.
    pub handles: BTreeSet<[u8; WORD]>,
    /// Organisation of the person.
    pub organization: Option<OrganizationId>,
    /// Owner of the person.
    pub owner: Option<UserId>,
}

impl Entry {
    /// The entry as a full pass wrote it.
    pub fn encode(&self, pass: u16) -> Vec<u8> {
        let handles: Vec<_> = self.handles.iter().take(MOST_HANDLES).collect();
        let count = u8::try_from(handles.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(HEAD + WORD * handles.len() + 8);
        bytes.extend(pass.to_be_bytes());
        bytes.extend(self.updated.to_be_bytes());
        bytes.push(count);
        bytes.extend(handles.into_iter().flatten());
        write_number(&mut bytes, self.organization.map_or(0, |id| id.0));
        write_number(&mut bytes, self.owner.map_or(0, |id| id.0));
        bytes
    }

    /// Reads an entry; `None` for one of another form.
    pub fn decode(id: PersonId, bytes: &[u8]) -> Option<Self> {
        let updated = u32::from_be_bytes(bytes.get(2..6)?.try_into().ok()?);
        let count = usize::from(*bytes.get(6)?);
        let end = HEAD + WORD * count;
        let handles = bytes.get(HEAD..end)?.chunks_exact(WORD);
        let (organization, rest) = read_number(&bytes[end..])?;
        let (owner, _) = read_number(rest)?;
        Some(Self {
            id,
            updated,
            handles: handles
                .filter_map(|handle| handle.try_into().ok())
                .collect(),
            organization: (organization > 0).then_some(OrganizationId(organization)),
            owner: (owner > 0).then_some(UserId(owner)),
        })
    }
}

/// The hash in which a person's entry is, and its field there.
pub(super) fn place(id: PersonId) -> (u64, u64) {
    (id.0 / PER_BUCKET, id.0 % PER_BUCKET)
}

/// The person at a place.
pub(super) fn person_at(bucket: u64, field: u64) -> PersonId {
    PersonId(bucket * PER_BUCKET + field)
}

/// The bucket of a handle's records.
pub(super) fn bucket_of(handle: [u8; WORD]) -> u16 {
    u16::from_be_bytes([handle[0], handle[1]]) >> 4
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at(length);
    let number = number.iter().rev().try_fold(0_u64, |sum, byte| {
        Some(sum.checked_mul(128)? | u64::from(byte & 0x7f))
    })?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        for (organization, owner) in [
            (None, None),
            (Some(127), Some(128)),
            (Some(u64::MAX), Some(300)),
        ] {
            let entry = Entry {
                id: PersonId(4711),
                updated: 1_800_000_000,
                handles: BTreeSet::from([[1; 8], [255; 8]]),
                organization: organization.map(OrganizationId),
                owner: owner.map(UserId),
            };
            assert_eq!(Entry::decode(entry.id, &entry.encode(7)), Some(entry));
        }
        assert_eq!(Entry::decode(PersonId(1), b"short"), None);
    }

    #[test]
    fn a_person_has_one_place() {
        for id in [0, 63, 64, 1_000_000].map(PersonId) {
            let (bucket, field) = place(id);
            assert_eq!(person_at(bucket, field), id);
        }
    }
}
