//! Open deals by their person: records of 10 bytes, the full pass that wrote them and the deal.

use std::sync::LazyLock;

use pipedrive::{DealId, PersonId};
use redis::{RedisError, Script};

use super::entry::place;
use super::{AT_ONCE, DirectoryStore};

/// `scripts/directory_deals.lua`, hashed once.
static DEALS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_deals.lua")));
/// `scripts/directory_deals_sweep.lua`, hashed once.
static SWEEP: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_deals_sweep.lua")));

/// Deals that one script puts in place.
const DEALS_AT_ONCE: usize = 250;
/// Bytes of the number of a pass, and of a record.
const PASS: usize = 2;
const RECORD: usize = PASS + 8;

impl DirectoryStore {
    /// The open deals of a person; `None` where deals are not known.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn deals_of(&self, person: PersonId) -> Result<Option<Vec<DealId>>, RedisError> {
        let (bucket, field) = place(person);
        let mut pipe = redis::pipe();
        pipe.hmget(self.key("state"), &["format", "deals_complete_since"]);
        pipe.hget(self.key(&format!("d:{bucket}")), field);
        let (state, records): ([Option<String>; 2], Option<Vec<u8>>) =
            pipe.query_async(&mut self.store.connection()?).await?;
        let [format, complete_since] = state;
        if format.as_ref() != Some(&self.format) || complete_since.is_none() {
            return Ok(None);
        }
        let records = records.unwrap_or_default();
        let deals = records.chunks_exact(RECORD).filter_map(|record| {
            let id = record.get(PASS..)?.try_into().ok()?;
            Some(DealId(u64::from_be_bytes(id)))
        });
        Ok(Some(deals.collect()))
    }

    /// Notes deals of people as open, in this pass, or as not open. Returns how many were not known so; `None` where the
    /// directory is another's by now.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn put_deals(
        &self,
        deals: &[(PersonId, DealId, bool)],
        pass: u16,
    ) -> Result<Option<u64>, RedisError> {
        let mut changed = 0;
        for deals in deals.chunks(DEALS_AT_ONCE) {
            let mut call = DEALS.prepare_invoke();
            call.key(self.key(""))
                .key(self.key("state"))
                .arg(&self.format);
            for (person, deal, is_open) in deals {
                let (bucket, field) = place(*person);
                let pass = if *is_open {
                    pass.to_be_bytes().to_vec()
                } else {
                    Vec::new()
                };
                call.arg(bucket)
                    .arg(field)
                    .arg(&deal.0.to_be_bytes()[..])
                    .arg(pass);
            }
            let more: i64 = call.invoke_async(&mut self.store.connection()?).await?;
            match u64::try_from(more) {
                Ok(more) => changed += more,
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(changed))
    }

    /// Takes out the deals that a full list did not show: they are closed, deleted or archived.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn sweep_deals(&self, pass: u16, highest: PersonId) -> Result<(), RedisError> {
        let (last, _) = place(highest);
        for first in (0..=last).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
            let mut call = SWEEP.prepare_invoke();
            call.key(self.key("")).key(self.key("state"));
            call.arg(&self.format)
                .arg(pass)
                .arg(first)
                .arg((first + AT_ONCE - 1).min(last));
            let _: i64 = call.invoke_async(&mut self.store.connection()?).await?;
        }
        Ok(())
    }
}
