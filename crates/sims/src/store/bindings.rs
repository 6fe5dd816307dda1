//! SQL of bindings.

use database::{
    Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Error, Result,
    id::{CustomerId, NumberId, SimId},
};

use crate::model::{NewBinding, SimBinding};

/// Order fields of binding histories.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "bound_at", column: "sim_bindings.bound_at", kind: KeyKind::Time }],
    default_order: "-bound_at",
    id: "sim_bindings.id",
    id_name: "id",
};

const SELECT: &str = "SELECT sim_bindings.id, sim_bindings.sim_id, sims.iccid, sim_bindings.number_id, numbers.msisdn, \
     sim_bindings.contract_id, sim_bindings.customer_id, sim_bindings.bound_at, sim_bindings.unbound_at, sim_bindings.bound_why, \
     sim_bindings.unbound_why FROM sim_bindings JOIN sims ON sims.id = sim_bindings.sim_id \
     JOIN numbers ON numbers.id = sim_bindings.number_id";

/// Returns a page of a card's bindings.
pub async fn of_sim(conn: &mut Conn, id: SimId, paging: &Paging) -> Result<Page<SimBinding>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("sim_bindings.sim_id", Some(id));
    paging.fetch(conn, SELECT, "sim_bindings", conditions).await
}

/// Returns a page of a number's bindings.
pub async fn of_number(conn: &mut Conn, id: NumberId, paging: &Paging) -> Result<Page<SimBinding>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("sim_bindings.number_id", Some(id));
    paging.fetch(conn, SELECT, "sim_bindings", conditions).await
}

/// Whether a card ever served a contract.
pub async fn was_bound(tx: &mut Tx, id: SimId) -> Result<bool> {
    let found: Option<(i64,)> = Sql::new("SELECT id FROM sim_bindings WHERE sim_id = $1 LIMIT 1").bind(id).optional(tx).await?;
    Ok(found.is_some())
}

/// Inserts bindings; the database assigns their ids.
pub async fn insert_all(tx: &mut Tx, bindings: &[NewBinding]) -> Result<()> {
    let columns = ["sim_id", "number_id", "contract_id", "customer_id", "bound_at", "unbound_at", "bound_why", "unbound_why"];
    let mut rows = Bulk::into_table("sim_bindings", &columns);
    for binding in bindings {
        let (unbound_at, unbound_why) = binding.unbound.clone().unzip();
        rows.row(vec![
            binding.sim_id.into(),
            binding.number_id.into(),
            binding.contract_id.into(),
            binding.customer_id.into(),
            binding.bound_at.into(),
            unbound_at.into(),
            (&binding.bound_why).into(),
            unbound_why.into(),
        ]);
    }
    rows.execute(tx).await
}

/// Ends the open binding of a card.
pub async fn end(tx: &mut Tx, id: SimId, why: &str) -> Result<()> {
    let at = tx.now();
    let ended = Sql::new("UPDATE sim_bindings SET unbound_at = $2, unbound_why = $3 WHERE sim_id = $1 AND unbound_at IS NULL")
        .bind(id)
        .bind(at)
        .bind(why.to_owned())
        .execute(tx)
        .await?;
    match ended {
        1 => Ok(()),
        other => Err(Error::internal(format!("SIM {id} had {other} open bindings"))),
    }
}

/// Moves all bindings, past and present, from one subscriber to another.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    Sql::new("UPDATE sim_bindings SET customer_id = $2 WHERE customer_id = $1").bind(from).bind(to).execute(tx).await
}
