//! What happened to a subscriber and to what is theirs, out of the audit trail.

use database::{
    Conn, Filter, Page, Paging, Sql,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Result, id::CustomerId};

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
    "SELECT audit.seq, audit.at, audit.actor, audit.action, audit.entity, audit.entity_id, audit.before, audit.after FROM ";

/// Of what else than subscribers the history tells.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub contracts: bool,
    pub sims: bool,
    pub payments: bool,
    pub tickets: bool,
}

/// The subscriber and all who were merged into it, also by way of others; nobody, if there is no such subscriber.
pub async fn with_merged(conn: &mut Conn, id: CustomerId) -> Result<Vec<CustomerId>> {
    let rows: Vec<(CustomerId,)> = Sql::new(
        "WITH RECURSIVE one (id) AS (SELECT id FROM customers WHERE id = $1 \
         UNION SELECT merged.id FROM one JOIN customers merged ON merged.merged_into = one.id) SELECT id FROM one",
    )
    .bind(id)
    .all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The rows of these subscribers, and of what is or was theirs.
pub async fn list(conn: &mut Conn, customers: &[CustomerId], shown: Shown, paging: &Paging) -> Result<Page<HistoryRow>> {
    let mut theirs = vec!["SELECT id AS customer_id, 'customer' AS entity, CAST(id AS TEXT) AS entity_id FROM customers"];
    if shown.contracts {
        theirs.push("SELECT customer_id, 'contract', CAST(id AS TEXT) FROM contracts");
    }
    if shown.sims {
        // a card may have been theirs more than once
        theirs.push("SELECT DISTINCT customer_id, 'sim', CAST(sim_id AS TEXT) FROM sim_bindings");
    }
    if shown.payments {
        theirs.push(
            "SELECT contracts.customer_id, 'payment', CAST(payments.id AS TEXT) FROM contracts CROSS JOIN payments \
             WHERE payments.contract_id = contracts.id",
        );
    }
    if shown.tickets {
        theirs.push("SELECT customer_id, 'ticket', CAST(id AS TEXT) FROM tickets");
    }
    // CROSS JOIN, and what is theirs first: SQLite joins in the order that is written, and so the trail is looked up by what
    // is theirs and never read through; it costs what the subscriber's own history costs
    let from = format!("({}) AS theirs CROSS JOIN audit", theirs.join(" UNION ALL "));
    let mut conditions = Filter::new(conn.engine());
    let places = vec!["?"; customers.len()].join(", ");
    conditions.values(&format!("theirs.customer_id IN ({places})"), customers.iter().map(|id| (*id).into()));
    conditions.when(true, "audit.entity_id = theirs.entity_id AND audit.entity = theirs.entity AND audit.action <> 'personal_data.read'");
    paging.fetch(conn, &format!("{SELECT}{from}"), &from, conditions).await
}
