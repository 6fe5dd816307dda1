//! SQL that changes all contracts of a subscriber in a few statements, however many there are.

use database::{Bulk, Conn, Engine, Sql, Tx};
use kernel::{
    Result,
    id::{ContractId, CustomerId},
};

use crate::model::{Contract, HoldReason};

/// Locks the contracts of subscribers until the transaction ends, always in the same order.
pub async fn lock(tx: &mut Tx, customers: [CustomerId; 2]) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        let [one, other] = customers;
        Sql::new("SELECT id FROM contracts WHERE customer_id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE")
            .bind(one)
            .bind(other)
            .all::<(ContractId,)>(tx)
            .await?;
    }
    Ok(())
}

/// The active and suspended contracts.
pub async fn running(tx: &mut Tx, customer_id: CustomerId) -> Result<Vec<Contract>> {
    let running = select!(" WHERE customer_id = $1 AND status IN ('active', 'suspended') ORDER BY id");
    let running: Vec<Contract> = Sql::new(running).bind(customer_id).all(tx).await?;
    running.iter().for_each(|contract| tx.not_before(contract.updated_at));
    Ok(running)
}

/// Counts the contracts that are not terminated.
pub async fn not_over(conn: &mut Conn, customer_id: CustomerId) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM contracts WHERE customer_id = $1 AND status <> 'terminated'")
        .bind(customer_id)
        .scalar(conn)
        .await
}

/// Places hold `customer` on these contracts, which are all running contracts of the subscriber without it. Returns how many changed.
pub async fn hold(tx: &mut Tx, customer_id: CustomerId, contracts: &[ContractId], note: &str) -> Result<u64> {
    let now = tx.now();
    let changed = Sql::new(
        "UPDATE contracts SET status = 'suspended', updated_at = $2, version = version + 1 \
         WHERE customer_id = $1 AND status IN ('active', 'suspended') AND NOT EXISTS \
         (SELECT 1 FROM contract_holds WHERE contract_id = contracts.id AND reason = 'customer' AND lifted_at IS NULL)",
    )
    .bind(customer_id)
    .bind(now)
    .execute(tx)
    .await?;
    let mut holds = Bulk::into_table("contract_holds", &["contract_id", "reason", "note", "placed_at", "placed_by"]);
    for contract in contracts {
        holds.row(vec![(*contract).into(), HoldReason::Customer.into(), note.to_owned().into(), now.into(), (&tx.actor().name).into()]);
    }
    holds.execute(tx).await?;
    Ok(changed)
}

/// Lifts hold `customer` from all contracts of the subscriber that have it. Returns how many changed.
pub async fn release(tx: &mut Tx, customer_id: CustomerId) -> Result<u64> {
    let now = tx.now();
    let changed = Sql::new(
        "UPDATE contracts SET updated_at = $2, version = version + 1, status = CASE WHEN EXISTS \
         (SELECT 1 FROM contract_holds WHERE contract_id = contracts.id AND reason <> 'customer' AND lifted_at IS NULL) \
         THEN 'suspended' ELSE 'active' END \
         WHERE customer_id = $1 AND status = 'suspended' AND EXISTS \
         (SELECT 1 FROM contract_holds WHERE contract_id = contracts.id AND reason = 'customer' AND lifted_at IS NULL)",
    )
    .bind(customer_id)
    .bind(now)
    .execute(tx)
    .await?;
    Sql::new(
        "UPDATE contract_holds SET lifted_at = $2, lifted_by = $3 WHERE reason = 'customer' AND lifted_at IS NULL \
         AND contract_id IN (SELECT id FROM contracts WHERE customer_id = $1)",
    )
    .bind(customer_id)
    .bind(now)
    .bind(&tx.actor().name)
    .execute(tx)
    .await?;
    Ok(changed)
}

/// Moves all contracts of a subscriber to another. Returns their ids and new versions.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<Vec<(ContractId, i64)>> {
    let now = tx.now();
    Sql::new(
        "UPDATE contracts SET customer_id = $2, updated_at = CASE WHEN updated_at > $3 THEN updated_at ELSE $3 END, \
         version = version + 1 WHERE customer_id = $1 RETURNING id, version",
    )
    .bind(from)
    .bind(to)
    .bind(now)
    .all(tx)
    .await
}

/// Replaces the name in the search texts of the subscriber's contracts. Each field has its own line there, so the name is replaced only
/// where it is a whole line.
pub async fn rename(tx: &mut Tx, customer_id: CustomerId, former: &str, name: &str) -> Result<()> {
    Sql::new("UPDATE contracts SET search_text = RTRIM(REPLACE(search_text || $2, $3, $4), $2) WHERE customer_id = $1")
        .bind(customer_id)
        .bind("\n")
        .bind(format!("\n{former}\n"))
        .bind(format!("\n{name}\n"))
        .execute(tx)
        .await
        .map(drop)
}
