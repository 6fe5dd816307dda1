//! The history of a subscriber, read from the audit trail.

use database::{
    Conn, Filter, Page, Paging, Sql,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Result, id::CustomerId};

use crate::model::HistoryRow;

/// Order fields of a history.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "seq", column: "audit.seq", kind: KeyKind::Int },
        OrderField { name: "at", column: "audit.at", kind: KeyKind::Time },
    ],
    default_order: "-seq",
    id: "audit.seq",
    id_name: "seq",
};

const SELECT: &str = "SELECT audit.seq, audit.at, COALESCE(audit.actor || ' (' || audit.token || ')', audit.actor) AS actor, audit.action, \
     audit.entity, audit.entity_id, audit.before, audit.after FROM ";

/// Which entities the history includes besides subscribers.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub contracts: bool,
    pub sims: bool,
    pub payments: bool,
    pub tickets: bool,
}

/// Returns the subscriber and all that were merged into it, directly or indirectly; empty if it does not exist.
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

/// Returns a page of the rows of these subscribers and of what is or was theirs.
pub async fn list(conn: &mut Conn, customers: &[CustomerId], shown: Shown, paging: &Paging) -> Result<Page<HistoryRow>> {
    let mut theirs = vec!["SELECT id AS customer_id, 'customer' AS entity, CAST(id AS TEXT) AS entity_id FROM customers"];
    if shown.contracts {
        theirs.push("SELECT customer_id, 'contract', CAST(id AS TEXT) FROM contracts");
    }
    if shown.sims {
        // a card may have served them more than once
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
    // CROSS JOIN with `theirs` first: SQLite joins in the written order, so it looks up the trail by entity and never scans it;
    // the cost depends only on the size of the subscriber's history
    let from = format!("({}) AS theirs CROSS JOIN audit", theirs.join(" UNION ALL "));
    let mut conditions = Filter::new(conn.engine());
    let places = vec!["?"; customers.len()].join(", ");
    conditions.values(&format!("theirs.customer_id IN ({places})"), customers.iter().map(|id| (*id).into()));
    conditions.when(true, "audit.entity_id = theirs.entity_id AND audit.entity = theirs.entity AND audit.action <> 'personal_data.read'");
    paging.fetch(conn, &format!("{SELECT}{from}"), &from, conditions).await
}
