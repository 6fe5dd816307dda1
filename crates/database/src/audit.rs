//! The audit trail: every change writes a row in its own transaction, and the rows are chained by hash.
//!
//! A row's hash covers its fields and the previous hash, and the head of the chain is stored separately, so that an altered row,
//! a removed row and a truncated end are all detected.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use kernel::{Actor, Error, Origin, Result, column::Arg, digest::Sha256};

use crate::{Bulk, Conn, Sql};

/// An entry that is not yet chained.
#[derive(Clone, Debug)]
pub struct Entry {
    actor: Option<Actor>,
    action: &'static str,
    entity: Cow<'static, str>,
    entity_id: String,
    before: Map<String, Value>,
    after: Map<String, Value>,
    happened: Option<(DateTime<Utc>, Origin)>,
}

impl Entry {
    /// An entry: the transaction's actor did `action`, such as `customer.created`, to the entity of this type and id.
    pub fn new(action: &'static str, entity: impl Into<Cow<'static, str>>, entity_id: impl ToString) -> Self {
        Self {
            actor: None,
            action,
            entity: entity.into(),
            entity_id: entity_id.to_string(),
            before: Map::new(),
            after: Map::new(),
            happened: None,
        }
    }

    /// Adds the fields that differ; pass forms without secrets and full document numbers.
    #[must_use]
    pub fn change(mut self, before: &impl Serialize, after: &impl Serialize) -> Self {
        let (before, after) = (fields(before), fields(after));
        self.before.extend(before.iter().filter(|(name, value)| after.get(*name) != Some(value)).map(owned));
        self.after.extend(after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(owned));
        self
    }

    /// Adds the fields of a created entity.
    #[must_use]
    pub fn created(mut self, after: &impl Serialize) -> Self {
        self.after = fields(after);
        self
    }

    /// Adds the fields of a deleted entity.
    #[must_use]
    pub fn deleted(mut self, before: &impl Serialize) -> Self {
        self.before = fields(before);
        self
    }

    /// Sets an actor other than the transaction's.
    #[must_use]
    pub fn by(mut self, actor: &Actor) -> Self {
        self.actor = Some(actor.clone());
        self
    }

    /// Sets the time and the origin, for an entry that is written later, in a transaction of another origin.
    #[must_use]
    pub fn happened(mut self, at: DateTime<Utc>, origin: Origin) -> Self {
        self.happened = Some((at, origin));
        self
    }

    /// Adds another fact about what happened.
    #[must_use]
    pub fn note(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.after.insert(name.to_owned(), value.into());
        self
    }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn fields(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// A row of the trail as it is hashed: every stored field, in this order, the token last and only where there is one.
#[derive(Debug)]
pub struct ChainRow<'a> {
    /// Position in the chain, from 1.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The user, if the actor is one.
    pub actor_id: Option<i64>,
    /// The actor's name.
    pub actor: &'a str,
    /// The caller's address.
    pub address: Option<&'a str>,
    /// The id of the request.
    pub request_id: &'a str,
    /// The action.
    pub action: &'a str,
    /// The type of the entity.
    pub entity: &'a str,
    /// The id of the entity.
    pub entity_id: &'a str,
    /// The fields before the change, as stored text.
    pub before: Option<&'a str>,
    /// The fields after the change, as stored text.
    pub after: Option<&'a str>,
    /// The script token, if the actor used one.
    pub token: Option<ChainToken<'a>>,
}

/// The script token of a row as it is hashed.
#[derive(Clone, Copy, Debug)]
pub struct ChainToken<'a> {
    /// The token's id.
    pub id: i64,
    /// The token's name.
    pub name: &'a str,
}

impl ChainRow<'_> {
    /// The row's hash, in hexadecimal, given the hash before it.
    pub fn hash(&self, previous: &str) -> String {
        let mut digest = Sha256::default();
        let numbers = [
            self.seq.to_string(),
            self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            self.actor_id.map(|id| id.to_string()).unwrap_or_default(),
        ];
        let texts = [self.actor, self.address.unwrap_or_default(), self.request_id, self.action, self.entity, self.entity_id];
        let bodies = [self.before.unwrap_or_default(), self.after.unwrap_or_default()];
        // absent instead of empty without a token, so that rows from before there were such fields keep their hashes
        let token_id = self.token.map(|token| token.id.to_string());
        let token = token_id.as_deref().into_iter().chain(self.token.map(|token| token.name));
        for part in [previous].into_iter().chain(numbers.iter().map(String::as_str)).chain(texts).chain(bodies).chain(token) {
            // each part follows its length, so that different rows never give the same bytes
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finish()
    }
}

/// Chains and writes the entries. Locks the head of the chain even when there are none, so it comes last in a transaction.
pub(crate) async fn append(conn: &mut Conn, entries: Vec<Entry>) -> Result<()> {
    let context = conn.context().clone();
    let count = i64::try_from(entries.len()).map_err(Error::internal)?;
    let (mut seq, mut hash): (i64, String) =
        Sql::new("UPDATE audit_head SET seq = seq + $1 WHERE id = 1 RETURNING seq - $1, hash").bind(count).one(conn).await?;
    let columns = [
        "seq",
        "at",
        "actor_id",
        "actor",
        "token_id",
        "token",
        "address",
        "request_id",
        "action",
        "entity",
        "entity_id",
        "before",
        "after",
        "hash",
    ];
    let mut rows = Bulk::into_table("audit", &columns);
    for entry in entries {
        seq += 1;
        let text = |fields: &Map<String, Value>| (!fields.is_empty()).then(|| Value::Object(fields.clone()).to_string());
        let (before, after) = (text(&entry.before), text(&entry.after));
        let (at, origin) = entry.happened.as_ref().map_or((conn.now(), &context.origin), |(at, origin)| (*at, origin));
        let actor = entry.actor.as_ref().unwrap_or(&context.actor);
        let link = ChainRow {
            seq,
            at,
            actor_id: actor.user_id.map(kernel::Id::get),
            actor: actor.owner(),
            address: origin.address.as_deref(),
            request_id: &origin.request_id,
            action: entry.action,
            entity: &entry.entity,
            entity_id: &entry.entity_id,
            before: before.as_deref(),
            after: after.as_deref(),
            token: actor.token.as_ref().map(|token| ChainToken { id: token.id.get(), name: &token.name }),
        };
        hash = link.hash(&hash);
        rows.row(vec![
            seq.into(),
            at.into(),
            actor.user_id.into(),
            actor.owner().to_owned().into(),
            actor.token.as_ref().map(|token| token.id).into(),
            actor.token.as_ref().map(|token| token.name.clone()).into(),
            (&origin.address).into(),
            (&origin.request_id).into(),
            entry.action.into(),
            Arg::Text(Some(entry.entity.clone())),
            (&entry.entity_id).into(),
            Arg::from(&before),
            Arg::from(&after),
            (&hash).into(),
        ]);
    }
    rows.execute(conn).await?;
    Sql::new("UPDATE audit_head SET hash = $1 WHERE id = 1").bind(hash).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn link() -> ChainRow<'static> {
        ChainRow {
            seq: 7,
            at: "2026-01-31T09:00:00.123456Z".parse().unwrap(),
            actor_id: Some(1),
            actor: "admin",
            address: Some("192.0.2.1"),
            request_id: "r-1",
            action: "role.updated",
            entity: "role",
            entity_id: "5",
            before: Some("{\"title\":\"a\"}"),
            after: Some("{\"title\":\"b\"}"),
            token: None,
        }
    }

    #[test]
    fn a_row_s_hash_stays_the_same_from_version_to_version_of_the_program() {
        // SHA-256 over each part after its length in eight bytes, computed by another program
        assert_eq!(link().hash(""), "865bb01b5e573f0bf8ba43be69a5c1ce2844f43dd9fc7d948441acc31d23516a");
    }

    #[test]
    fn every_field_counts_and_so_does_the_row_before() {
        let whole = link().hash("previous");
        let others = [
            ChainRow { seq: 8, ..link() },
            ChainRow { at: "2026-01-31T09:00:00.123457Z".parse().unwrap(), ..link() },
            ChainRow { actor_id: Some(2), ..link() },
            ChainRow { actor_id: None, ..link() },
            ChainRow { actor: "Admin", ..link() },
            ChainRow { address: Some("192.0.2.2"), ..link() },
            ChainRow { address: None, ..link() },
            ChainRow { request_id: "r-2", ..link() },
            ChainRow { action: "role.deleted", ..link() },
            ChainRow { entity: "user", ..link() },
            ChainRow { entity_id: "6", ..link() },
            ChainRow { before: None, ..link() },
            ChainRow { before: link().after, after: link().before, ..link() },
            ChainRow { after: Some("{\"title\": \"b\"}"), ..link() },
            ChainRow { token: Some(ChainToken { id: 3, name: "" }), ..link() },
            ChainRow { token: Some(ChainToken { id: 3, name: "export" }), ..link() },
            ChainRow { token: Some(ChainToken { id: 4, name: "export" }), ..link() },
        ];
        let hashes: std::collections::BTreeSet<String> = others.iter().map(|other| other.hash("previous")).collect();
        assert_eq!(hashes.len(), others.len());
        for other in others {
            assert_ne!(other.hash("previous"), whole, "{other:?}");
        }
        assert_ne!(link().hash("previou"), whole);
        assert_eq!(link().hash("previous"), whole);
    }

    #[test]
    fn an_entry_holds_what_changed_and_nothing_else() {
        let (before, after) = (json!({"a": 1, "b": 2, "gone": 3}), json!({"a": 1, "b": null, "new": []}));
        let entry = Entry::new("thing.updated", "thing", 5).change(&before, &after).note("why", "x");
        assert_eq!(Value::Object(entry.before), json!({"b": 2, "gone": 3}));
        assert_eq!(Value::Object(entry.after), json!({"b": null, "new": [], "why": "x"}));
        let same = Entry::new("thing.updated", "thing", 5).change(&before, &before);
        assert!(same.before.is_empty() && same.after.is_empty());
        assert_eq!(Value::Object(Entry::new("thing.deleted", "thing", 5).deleted(&before).before), before);
        assert_eq!(Value::Object(Entry::new("thing.created", "thing", 5).created(&after).after), after);
    }

    proptest! {
        #[test]
        fn no_two_ways_to_cut_the_same_letters_into_fields_look_alike(text in "[a-z]{1,12}", one in 0_usize..13, other in 0_usize..13) {
            let (one, other) = (one.min(text.len()), other.min(text.len()));
            let hash = |at: usize| ChainRow { actor: &text[..at], address: None, request_id: &text[at..], ..link() }.hash("");
            prop_assert_eq!(hash(one) == hash(other), one == other);
        }
    }
}
