//! Reads of personal data that are on record and not in the chain of the audit trail yet.

use chrono::{DateTime, Utc};
use database::{Bulk, Conn, Sql};
use kernel::{
    Actor, Context, Error, Origin, Result,
    context::ActingToken,
    id::{ApiTokenId, UserId},
};

/// A read of unmasked personal data.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: Actor,
    pub(crate) origin: Origin,
    pub(crate) entity: String,
    pub(crate) ids: Vec<i64>,
}

#[derive(sqlx_macros::FromRow)]
struct ReadRow {
    at: DateTime<Utc>,
    actor_id: Option<UserId>,
    actor: String,
    token_id: Option<ApiTokenId>,
    token: Option<String>,
    address: Option<String>,
    request_id: String,
    entity: String,
    ids: String,
}

impl Read {
    /// A read by the actor of this context.
    pub(crate) fn new(context: &Context, entity: &'static str, ids: &[i64]) -> Self {
        let (actor, origin) = (context.actor.clone(), context.origin.clone());
        Self { at: context.now, actor, origin, entity: entity.to_owned(), ids: ids.to_vec() }
    }
}

impl TryFrom<ReadRow> for Read {
    type Error = Error;

    fn try_from(row: ReadRow) -> Result<Self> {
        let token = row.token_id.zip(row.token).map(|(id, name)| ActingToken { id, name, owner: row.actor.clone() });
        let actor = match (row.actor_id, token) {
            (Some(user), Some(token)) => Actor::script(user, token),
            (user_id, _) => Actor { user_id, name: row.actor, token: None },
        };
        let ids = row.ids.split(' ').map(|id| id.parse().map_err(Error::internal)).collect::<Result<_>>()?;
        let origin = Origin { request_id: row.request_id, address: row.address, ..Origin::default() };
        Ok(Self { at: row.at, actor, origin, entity: row.entity, ids })
    }
}

/// Puts reads on record.
pub(crate) async fn insert(conn: &mut Conn, reads: &[Read]) -> Result<()> {
    let columns = ["at", "actor_id", "actor", "token_id", "token", "address", "request_id", "entity", "ids"];
    let mut rows = Bulk::into_table("audit_reads", &columns);
    for read in reads {
        let token = read.actor.token.as_ref();
        rows.row(vec![
            read.at.into(),
            read.actor.user_id.into(),
            read.actor.owner().to_owned().into(),
            token.map(|token| token.id).into(),
            token.map(|token| token.name.clone()).into(),
            (&read.origin.address).into(),
            (&read.origin.request_id).into(),
            (&read.entity).into(),
            read.ids.iter().map(i64::to_string).collect::<Vec<_>>().join(" ").into(),
        ]);
    }
    rows.execute(conn).await
}

/// Takes up to `most` reads off the table, the oldest first; those that another instance takes are left out.
pub(crate) async fn take(conn: &mut Conn, most: i64) -> Result<Vec<Read>> {
    let text = format!(
        "DELETE FROM audit_reads WHERE id IN (SELECT id FROM audit_reads ORDER BY id LIMIT $1{}) \
         RETURNING id, at, actor_id, actor, token_id, token, address, request_id, entity, ids",
        conn.skip_locked()
    );
    let mut rows: Vec<NumberedRow> = Sql::owned(text).bind(most).all(conn).await?;
    rows.sort_by_key(|row| row.id);
    rows.into_iter().map(|row| row.read.try_into()).collect()
}

#[derive(sqlx_macros::FromRow)]
struct NumberedRow {
    id: i64,
    #[sqlx(flatten)]
    read: ReadRow,
}
