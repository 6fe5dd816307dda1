//! Failed attempts to prove who one is: how they are counted and recorded, and whom they lock out.
//!
//! Wrong passwords are counted apart for each address from which the user has signed in before, and once for all other addresses
//! together. So a stranger who guesses locks out strangers, and the user still gets in from where they usually do.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use database::{Db, Event, EventKind, Tx, audit::Entry};
use kernel::{Actor, Context, Result};
use serde_json::json;

use crate::{
    access::Access,
    model::lock_after,
    store,
    store::users::{CredentialRow, username_key},
};

/// The purpose of the keyed digests of names that no user has.
const NAME: &str = "sign-in name";
/// Characters of such a digest that are recorded, enough to recognize a repeated name.
const NAME_DIGEST_LENGTH: usize = 16;
/// Bits of an IPv6 address that are not the subscriber's own choice.
const IPV6_NETWORK: u32 = 64;

/// A failed attempt.
pub(super) struct Failure<'a> {
    /// What it was for, as the action in the audit trail.
    pub(super) action: &'static str,
    /// Why it failed.
    pub(super) reason: &'static str,
    /// The user whose password was tried, if there is one.
    pub(super) found: Option<&'a CredentialRow>,
    /// The name that was typed.
    pub(super) typed: &'a str,
    /// Who tried, if that is proven.
    pub(super) actor: Option<Actor>,
}

impl Failure<'_> {
    /// The entry for the audit trail.
    ///
    /// A name that no user has may be a password typed into the wrong field, so only a keyed digest and its first letter are kept.
    fn entry(&self, access: &Access) -> Entry {
        let id = self.found.map_or_else(|| "-".to_owned(), |user| user.id.to_string());
        let entry = Entry::new(self.action, "user", id).by(&self.actor()).note("reason", self.reason);
        if self.found.is_some() {
            return entry;
        }
        let digest = access.seals.digest(NAME, &username_key(self.typed));
        let hint: String = self.typed.chars().take(1).chain(['…']).collect();
        entry.note("name_digest", digest.get(..NAME_DIGEST_LENGTH).unwrap_or_default()).note("name_hint", hint)
    }

    fn actor(&self) -> Actor {
        // a name alone does not prove that the caller is the user
        let named = || self.found.map_or("stranger", |user| user.username.as_str());
        self.actor.clone().unwrap_or_else(|| Actor::system(named()))
    }

    /// Records the failure in a separate transaction. Unknown users cost the same statements as known ones.
    pub(super) async fn record(&self, db: &Db, access: &Access, context: &Arc<Context>) -> Result<()> {
        db.transaction(context, async |tx| {
            let locked = self.count(tx).await?;
            tx.record(self.entry(access));
            if let Some((user, locked)) = self.found.zip(locked) {
                self.tell(tx, user, &locked);
            }
            Ok(())
        })
        .await
    }

    /// Counts a wrong password, and locks sign-in after too many in a row.
    async fn count(&self, tx: &mut Tx) -> Result<Option<Locked>> {
        let is_counted = self.reason == "wrong_password";
        let known = self.found.filter(|user| is_counted && user.is_known_address());
        if let (Some(user), Some(address)) = (known, address_key(tx.context())) {
            let Some(failures) = store::addresses::count_failure(tx, user.id, &address).await? else { return Ok(None) };
            let Some(until) = lock_after(failures, tx.now()) else { return Ok(None) };
            store::addresses::lock_until(tx, user.id, &address, until).await?;
            return Ok(Some(Locked { until, failures, is_of_address: true }));
        }
        // no user has the empty name
        let counted = if is_counted {
            self.found.map_or_else(|| username_key(self.typed), |user| username_key(&user.username))
        } else {
            String::new()
        };
        let Some((user, failures)) = store::users::count_failure(tx, &counted).await? else { return Ok(None) };
        let Some(until) = lock_after(failures, tx.now()) else { return Ok(None) };
        store::users::lock_until(tx, user, until).await?;
        Ok(Some(Locked { until, failures, is_of_address: false }))
    }

    fn tell(&self, tx: &mut Tx, user: &CredentialRow, locked: &Locked) {
        let Locked { until, failures, is_of_address } = *locked;
        let entry =
            Entry::new("user.locked", "user", user.id).by(&self.actor()).note("until", until.to_rfc3339()).note("failures", failures);
        tx.record(if is_of_address { entry.note("only_address", tx.context().origin.address.clone()) } else { entry });
        let data = json!({"username": user.username, "until": until, "failures": failures});
        tx.publish(Event::new(EventKind::UserLocked, "user", user.id, &data));
    }
}

/// A lock that a failure has set.
struct Locked {
    until: DateTime<Utc>,
    failures: i64,
    /// Whether only the caller's address is locked out.
    is_of_address: bool,
}

/// The caller's address in the form in which addresses are remembered: of IPv6 the network, of which a subscriber has a whole one.
pub(super) fn address_key(context: &Context) -> Option<String> {
    let address: IpAddr = context.origin.address.as_deref()?.parse().ok()?;
    Some(match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (u128::BITS - IPV6_NETWORK)));
            format!("{network}/{IPV6_NETWORK}")
        }
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kernel::{Origin, Policy, country::Country};

    use super::*;

    fn key(address: &str) -> Option<String> {
        let origin = Origin { request_id: String::new(), address: Some(address.to_owned()), ..Origin::default() };
        let policy = Policy::standard(Country::Ru).into();
        address_key(&Context { now: DateTime::UNIX_EPOCH, policy, origin, actor: Actor::system("test") })
    }

    #[test]
    fn an_address_is_remembered_whole_and_of_ipv6_the_network() {
        assert_eq!(key("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(key("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(key("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(key("2001:db8:1:2:9:9:9:9"), key("2001:db8:1:2:3:4:5:6"));
        assert_ne!(key("2001:db8:1:3::1"), key("2001:db8:1:2::1"));
        assert_eq!(key("somewhere"), None);
    }
}
