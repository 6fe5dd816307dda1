//! What happened to a subscriber and to what is theirs, out of the audit trail.

use kernel::{
    Page, Paging, Result,
    db::{Conn, Filter},
    id::CustomerId,
    page::{KeyKind, ListSpec, OrderField},
};

use crate::model::HistoryRow;

/// How a history is ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "seq", column: "audit.seq", kind: KeyKind::Int },
        OrderField { name: "at", column: "audit.at", kind: KeyKind::Time },
    ],
    default_order: "-seq",
    id: "audit.seq",
    id_name: "seq",
};

const SELECT: &str =
    "SELECT audit.seq, audit.at, audit.actor, audit.action, audit.entity, audit.entity_id, audit.before, audit.after FROM audit";

/// Of what else than subscribers the history tells.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub contracts: bool,
    pub sims: bool,
    pub payments: bool,
    pub tickets: bool,
}

/// The rows of a subscriber, of those merged into it, and of what is or was theirs.
pub async fn list(conn: &mut Conn, id: CustomerId, shown: Shown, paging: &Paging) -> Result<Page<HistoryRow>> {
    let mut theirs = vec!["SELECT 'customer' AS entity, CAST(one.id AS TEXT) AS entity_id FROM one"];
    if shown.contracts {
        theirs.push("SELECT 'contract', CAST(contracts.id AS TEXT) FROM one JOIN contracts ON contracts.customer_id = one.id");
    }
    if shown.sims {
        theirs.push("SELECT 'sim', CAST(sim_bindings.sim_id AS TEXT) FROM one JOIN sim_bindings ON sim_bindings.customer_id = one.id");
    }
    if shown.payments {
        theirs.push(
            "SELECT 'payment', CAST(payments.id AS TEXT) FROM one JOIN contracts ON contracts.customer_id = one.id \
             JOIN payments ON payments.contract_id = contracts.id",
        );
    }
    if shown.tickets {
        theirs.push("SELECT 'ticket', CAST(tickets.id AS TEXT) FROM one JOIN tickets ON tickets.customer_id = one.id");
    }
    // the rows are looked up by entity and id, so that it costs what the subscriber's own history costs
    let condition = format!(
        "audit.seq IN (WITH RECURSIVE one (id) AS (SELECT id FROM customers WHERE id = ? \
         UNION SELECT merged.id FROM one JOIN customers merged ON merged.merged_into = one.id), \
         theirs (entity, entity_id) AS ({}) \
         SELECT found.seq FROM theirs JOIN audit found ON found.entity = theirs.entity AND found.entity_id = theirs.entity_id \
         WHERE found.action <> 'personal_data.read')",
        theirs.join(" UNION ")
    );
    let mut conditions = Filter::new(conn.engine());
    conditions.value(&condition, Some(id));
    paging.fetch(conn, SELECT, "audit", conditions).await
}
