//! SQL of SIM cards, phone numbers and bindings.

pub mod bindings;
pub mod numbers;
pub mod sims;

use database::{Conn, Sql, Tx};
use kernel::{
    Result,
    id::{ContractId, CustomerId},
};

/// The subscriber of a contract.
pub async fn customer_of(tx: &mut Tx, id: ContractId) -> Result<Option<CustomerId>> {
    let found: Option<(CustomerId,)> = Sql::new("SELECT customer_id FROM contracts WHERE id = $1").bind(id).optional(tx).await?;
    Ok(found.map(|(id,)| id))
}

/// Returns every violation of the invariants of SIM cards, numbers and bindings: a sentence with `#` in place of the id, and the id.
pub async fn breaches(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Sql::new(
        "SELECT 'number # is carried by more than one SIM' AS breach, number_id FROM sims WHERE number_id IS NOT NULL \
             GROUP BY number_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'contract # has more than one SIM', contract_id FROM sims WHERE contract_id IS NOT NULL \
             GROUP BY contract_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'contract # has more than one number', contract_id FROM numbers WHERE contract_id IS NOT NULL \
             GROUP BY contract_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'SIM # is free or closed and has a contract', id FROM sims \
             WHERE status IN ('free', 'closed') AND contract_id IS NOT NULL \
         UNION ALL SELECT 'SIM # is closed and carries a number', id FROM sims WHERE status = 'closed' AND number_id IS NOT NULL \
         UNION ALL SELECT 'SIM # is active or suspended and has no contract', id FROM sims \
             WHERE status IN ('active', 'suspended') AND contract_id IS NULL \
         UNION ALL SELECT 'SIM # is blocked without a reason, or has one and is not blocked', id FROM sims \
             WHERE (status = 'blocked') <> (block_reason IS NOT NULL) \
         UNION ALL SELECT 'SIM # has a contract and not its assigned number', id FROM sims WHERE contract_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM numbers WHERE numbers.id = sims.number_id AND numbers.status = 'assigned' \
                 AND numbers.contract_id = sims.contract_id) \
         UNION ALL SELECT 'SIM # has no contract and carries a number that is neither available nor reserved', sims.id FROM sims \
             JOIN numbers ON numbers.id = sims.number_id WHERE sims.contract_id IS NULL AND numbers.status NOT IN ('available', 'reserved') \
         UNION ALL SELECT 'number # is assigned without a contract, or has one and is not assigned', id FROM numbers \
             WHERE (status = 'assigned') <> (contract_id IS NOT NULL) \
         UNION ALL SELECT 'number # is reserved without an end, or has one and is not reserved', id FROM numbers \
             WHERE (status = 'reserved') <> (reserved_until IS NOT NULL) \
         UNION ALL SELECT 'number # is quarantined without an end, or has one and is not quarantined', id FROM numbers \
             WHERE (status = 'quarantined') <> (quarantined_until IS NOT NULL) \
         UNION ALL SELECT 'SIM # has more than one open binding', sim_id FROM sim_bindings WHERE unbound_at IS NULL \
             GROUP BY sim_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'number # has more than one open binding', number_id FROM sim_bindings WHERE unbound_at IS NULL \
             GROUP BY number_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'contract # has more than one open binding', contract_id FROM sim_bindings WHERE unbound_at IS NULL \
             GROUP BY contract_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'SIM # has a contract and no open binding to it', id FROM sims WHERE contract_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM sim_bindings WHERE sim_bindings.sim_id = sims.id \
                 AND sim_bindings.contract_id = sims.contract_id AND sim_bindings.number_id = sims.number_id AND sim_bindings.unbound_at IS NULL) \
         UNION ALL SELECT 'SIM # has an open binding to a contract that is not its own', sim_bindings.sim_id FROM sim_bindings \
             JOIN sims ON sims.id = sim_bindings.sim_id WHERE sim_bindings.unbound_at IS NULL \
             AND COALESCE(sims.contract_id, 0) <> sim_bindings.contract_id \
         UNION ALL SELECT 'SIM # is free again after it served a contract', id FROM sims WHERE status = 'free' \
             AND EXISTS (SELECT 1 FROM sim_bindings WHERE sim_bindings.sim_id = sims.id)",
    )
    .all(conn)
    .await
}
