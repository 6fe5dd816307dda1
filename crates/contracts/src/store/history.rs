//! SQL of the history of a contract.

use database::{
    Conn, Filter, Page, Paging,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Result, id::ContractId};

use crate::{history::HistoryEntry, input::HistoryFilter};

/// The sort orders of the history.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "at", column: "history.at", kind: KeyKind::Time }],
    default_order: "-at",
    id: "history.id",
    id_name: "id",
};

/// Combines three tables; `$1` is the contract, which each of them finds by an index. The last digit of an id tells the table.
macro_rules! history {
    () => {
        "(SELECT seq * 10 AS id, at, CAST(NULL AS TIMESTAMPTZ) AS until, 'change' AS kind, action, \
           COALESCE(actor || ' (' || token || ')', actor) AS actor, CAST(NULL AS TEXT) AS ended_by, \
           CAST(NULL AS TEXT) AS reason, CAST(NULL AS TEXT) AS note, CAST(NULL AS BIGINT) AS sim_id, CAST(NULL AS TEXT) AS iccid, \
           CAST(NULL AS TEXT) AS msisdn, before, after FROM audit WHERE entity = 'contract' AND entity_id = CAST($1 AS TEXT) \
         UNION ALL SELECT id * 10 + 1, placed_at, lifted_at, 'hold', 'hold.placed', placed_by, lifted_by, reason, note, NULL, NULL, NULL, NULL, NULL \
           FROM contract_holds WHERE contract_id = $1 \
         UNION ALL SELECT sim_bindings.id * 10 + 2, bound_at, unbound_at, 'binding', 'sim.bound', NULL, NULL, bound_why, unbound_why, sim_id, \
           sims.iccid, numbers.msisdn, NULL, NULL FROM sim_bindings JOIN sims ON sims.id = sim_bindings.sim_id \
           LEFT JOIN numbers ON numbers.id = sim_bindings.number_id WHERE sim_bindings.contract_id = $1) AS history"
    };
}

pub async fn list(conn: &mut Conn, id: ContractId, filter: &HistoryFilter, paging: &Paging) -> Result<Page<HistoryEntry>> {
    let mut conditions = Filter::new(conn.engine());
    // always true; it binds the contract as `$1`
    conditions.value("? > 0", Some(id));
    conditions.any("history.kind", filter.kind.as_ref());
    conditions.at_least("history.at", filter.at_after);
    conditions.at_most("history.at", filter.at_before);
    paging.fetch(conn, concat!("SELECT * FROM ", history!()), history!(), conditions).await
}
