//! What an integrator knows who only reads events, compared with what there is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::App;

/// The tables whose rows events carry, by the name of the entity.
const CARRIED: [(&str, &str); 7] = [
    ("customer", "customers"),
    ("tariff", "tariffs"),
    ("option", "options"),
    ("contract", "contracts"),
    ("sim", "sims"),
    ("number", "numbers"),
    ("ticket", "tickets"),
];

/// The newest state of each record that events carry; null for one that was deleted.
pub type Copies = BTreeMap<(String, i64), Value>;

impl App {
    /// Reads all events, and keeps what the newest one says about each record.
    pub async fn copies(&self) -> Copies {
        let rows: Vec<(String, String, i64, String)> = self
            .state
            .db
            .read(&self.context(), async |conn| {
                ::database::Sql::new("SELECT kind, entity, entity_id, data FROM events ORDER BY id")
                    .all(conn)
                    .await
            })
            .await
            .unwrap();
        let mut copies = Copies::new();
        for (kind, entity, id, data) in rows {
            let data: Value = serde_json::from_str(&data).unwrap();
            let carries =
                entity == "ticket" || [".created", ".changed"].iter().any(|end| kind.ends_with(end));
            if kind.ends_with(".deleted") {
                copies.insert((entity, id), Value::Null);
            } else if carries {
                copies.insert((entity, id), data);
            }
        }
        copies
    }

    /// Records whose newest event does not have their version: a change that was not published.
    ///
    /// Records without an event are left out: they were loaded in bulk, or their events are no longer stored.
    pub async fn stale_copies(&self) -> Vec<String> {
        let copies = self.copies().await;
        let mut stale = Vec::new();
        for (entity, table) in CARRIED {
            let rows: Vec<(i64, i64)> = self
                .state
                .db
                .read(&self.context(), async |conn| {
                    ::database::Sql::owned(format!("SELECT id, version FROM {table}")).all(conn).await
                })
                .await
                .unwrap();
            for (id, version) in rows {
                let Some(copy) = copies.get(&(entity.to_owned(), id)) else { continue };
                if copy["version"] != version {
                    stale.push(format!(
                        "{entity} {id} has version {version}, and its newest event says {copy}"
                    ));
                }
            }
        }
        stale
    }
}
