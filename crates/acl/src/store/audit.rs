use chrono::{DateTime, Utc};
use database::{
    Conn, Filter, Page, Paging, Sql,
    audit::{ChainRow, ChainToken},
};
use kernel::Result;

use crate::{input::AuditFilter, model::AuditRow};

/// A row with the texts that were hashed.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct StoredLink {
    pub(crate) seq: i64,
    at: DateTime<Utc>,
    actor_id: Option<i64>,
    actor: String,
    token_id: Option<i64>,
    token: Option<String>,
    address: Option<String>,
    request_id: String,
    action: String,
    entity: String,
    entity_id: String,
    before: Option<String>,
    after: Option<String>,
    pub(crate) hash: String,
}

impl StoredLink {
    pub(crate) fn link(&self) -> ChainRow<'_> {
        ChainRow {
            seq: self.seq,
            at: self.at,
            actor_id: self.actor_id,
            actor: &self.actor,
            address: self.address.as_deref(),
            request_id: &self.request_id,
            action: &self.action,
            entity: &self.entity,
            entity_id: &self.entity_id,
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            // a row of which one of the two was removed must not look whole
            token: (self.token_id.is_some() || self.token.is_some())
                .then(|| ChainToken { id: self.token_id.unwrap_or_default(), name: self.token.as_deref().unwrap_or_default() }),
        }
    }
}

const SELECT: &str = "SELECT audit.seq, audit.at, audit.actor_id, audit.actor, audit.token_id, audit.token, audit.address, audit.request_id, audit.action, audit.entity, \
     audit.entity_id, audit.before, audit.after, audit.hash FROM audit";

pub(crate) async fn list(conn: &mut Conn, filter: &AuditFilter, paging: &Paging) -> Result<Page<AuditRow>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("audit.actor", filter.actor.clone());
    conditions.any("audit.actor_id", filter.actor_id.as_ref());
    conditions.any("audit.token_id", filter.token_id.as_ref());
    conditions.equal("audit.entity", filter.entity.clone());
    conditions.equal("audit.entity_id", filter.entity_id.clone());
    conditions.equal("audit.action", filter.action.clone());
    conditions.at_least("audit.at", filter.at_after);
    conditions.at_most("audit.at", filter.at_before);
    paging.fetch(conn, SELECT, "audit", conditions).await
}

/// The position and the hash of the last row, from the head of the chain.
pub(crate) async fn head(conn: &mut Conn) -> Result<(i64, String)> {
    Sql::new("SELECT seq, hash FROM audit_head WHERE id = 1").one(conn).await
}

pub(crate) async fn links_after(conn: &mut Conn, seq: i64, last: i64, most: i64) -> Result<Vec<StoredLink>> {
    Sql::owned(format!("{SELECT} WHERE audit.seq > $1 AND audit.seq <= $2 ORDER BY audit.seq LIMIT $3"))
        .bind(seq)
        .bind(last)
        .bind(most)
        .all(conn)
        .await
}
