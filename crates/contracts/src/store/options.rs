//! SQL of the tariffs and options of contracts.

use database::{
    Arg, Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{ContractId, OptionId},
};

use crate::{
    model::{Contract, ContractStatus},
    plan::{ContractOption, Plan},
};

/// The sort orders of a contract's options.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "code", column: "options.code", kind: KeyKind::Text }],
    default_order: "code",
    id: "contract_options.option_id",
    id_name: "option_id",
};

const FROM: &str = "contract_options JOIN options ON options.id = contract_options.option_id";

pub async fn list(conn: &mut Conn, id: ContractId, paging: &Paging) -> Result<Page<ContractOption>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("contract_options.contract_id", Some(id));
    conditions.when(true, "contract_options.removed_at IS NULL");
    let select = "SELECT contract_options.option_id, options.code, options.name, options.kind, options.amount, options.monthly_fee, \
         contract_options.is_in_force, contract_options.is_in_next AS is_in_next_period, contract_options.added_at, contract_options.added_by \
         FROM contract_options JOIN options ON options.id = contract_options.option_id";
    paging.fetch(conn, select, FROM, conditions).await
}

fn ids_in(first: usize, ids: &[OptionId]) -> String {
    (first..first + ids.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

fn args(ids: &[OptionId]) -> impl Iterator<Item = Arg> {
    ids.iter().copied().map(Arg::from)
}

/// Inserts the options of a new contract.
pub async fn insert(tx: &mut Tx, id: ContractId, options: &[OptionId]) -> Result<()> {
    let now = tx.now();
    let mut rows = Bulk::into_table("contract_options", &["contract_id", "option_id", "is_in_force", "is_in_next", "added_at", "added_by"]);
    for option in options {
        rows.row(vec![id.into(), (*option).into(), true.into(), true.into(), now.into(), (&tx.actor().name).into()]);
    }
    rows.execute(tx).await
}

/// Deletes options from a draft, where they were never in force.
pub async fn delete(tx: &mut Tx, id: ContractId, options: &[OptionId]) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    let text =
        format!("DELETE FROM contract_options WHERE contract_id = $1 AND removed_at IS NULL AND option_id IN ({})", ids_in(2, options));
    Sql::owned(text).bind(id).bind_all(args(options)).execute(tx).await.map(drop)
}

/// Replaces the option rows of a contract with those of these two plans.
pub async fn set(tx: &mut Tx, contract: &Contract, plan: &Plan, next: &Plan) -> Result<()> {
    let now = tx.now();
    let (before, before_next) = (&contract.options.0, &contract.next_options.0);
    let gone = |id: &&OptionId| !plan.options.contains(id) && !next.options.contains(id);
    // an option that was only planned, or only on a draft, was never in force: its row is deleted, and only the audit keeps it
    let is_draft = contract.status == ContractStatus::Draft;
    let never: Vec<OptionId> = before_next.iter().filter(gone).filter(|id| is_draft || !before.contains(id)).copied().collect();
    delete(tx, contract.id, &never).await?;
    let removed: Vec<OptionId> = before.iter().filter(gone).filter(|id| !never.contains(id)).copied().collect();
    if !removed.is_empty() {
        let text = format!(
            "UPDATE contract_options SET removed_at = $1, removed_by = $2 WHERE contract_id = $3 AND removed_at IS NULL AND option_id IN ({})",
            ids_in(4, &removed)
        );
        Sql::owned(text).bind(now).bind(&tx.actor().name).bind(contract.id).bind_all(args(&removed)).execute(tx).await?;
    }
    let mut new = Bulk::into_table("contract_options", &["contract_id", "option_id", "is_in_force", "is_in_next", "added_at", "added_by"]);
    let mut wanted: Vec<OptionId> = plan.options.iter().chain(&next.options).copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    for is_in_force in [true, false] {
        for is_in_next in [true, false] {
            let stands = |id: &OptionId| (plan.options.contains(id), next.options.contains(id)) == (is_in_force, is_in_next);
            let stood = |id: &OptionId| (before.contains(id), before_next.contains(id));
            let changed: Vec<OptionId> = wanted
                .iter()
                .filter(|id| stands(id) && ![(false, false), (is_in_force, is_in_next)].contains(&stood(id)))
                .copied()
                .collect();
            if !changed.is_empty() {
                let text = format!(
                    "UPDATE contract_options SET is_in_force = $1, is_in_next = $2 WHERE contract_id = $3 AND removed_at IS NULL AND option_id IN ({})",
                    ids_in(4, &changed)
                );
                Sql::owned(text).bind(is_in_force).bind(is_in_next).bind(contract.id).bind_all(args(&changed)).execute(tx).await?;
            }
            for id in wanted.iter().filter(|id| stands(id) && stood(id) == (false, false)) {
                new.row(vec![
                    contract.id.into(),
                    (*id).into(),
                    is_in_force.into(),
                    is_in_next.into(),
                    now.into(),
                    (&tx.actor().name).into(),
                ]);
            }
        }
    }
    new.execute(tx).await
}

/// Saves the tariff of a contract and its next tariff, and increments its version. Errors: `stale_version`.
pub async fn save_tariff(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE contracts SET tariff_id = $1, next_tariff_id = $2, updated_at = $3, version = version + 1 WHERE id = $4 AND version = $5",
    )
    .bind(contract.tariff_id)
    .bind(contract.next_tariff_id)
    .bind(now)
    .bind(contract.id)
    .bind(contract.version)
    .expect_one(tx)
    .await?;
    contract.version += 1;
    contract.updated_at = now;
    super::tell(tx, contract);
    Ok(())
}

/// Finds options that some contract has, or will have, together with this one.
pub async fn had_together(conn: &mut Conn, id: OptionId, others: &[OptionId]) -> Result<Vec<(OptionId, ContractId)>> {
    if others.is_empty() {
        return Ok(Vec::new());
    }
    // one row for each other option, because very many contracts may have both
    let text = format!(
        "SELECT b.option_id, MIN(b.contract_id) FROM contract_options a JOIN contract_options b ON b.contract_id = a.contract_id \
         WHERE a.option_id = $1 AND a.removed_at IS NULL AND b.removed_at IS NULL AND b.option_id IN ({}) \
         GROUP BY b.option_id ORDER BY b.option_id",
        ids_in(2, others)
    );
    Sql::owned(text).bind(id).bind_all(args(others)).all(conn).await
}

/// Finds contracts whose options or planned changes are impossible, with a description.
pub async fn violations(conn: &mut Conn) -> Result<Vec<(ContractId, String)>> {
    Sql::new(
        "SELECT a.contract_id, 'has options that exclude each other' FROM contract_options a \
         JOIN option_exclusions e ON e.option_id = a.option_id AND e.option_id < e.excluded_id \
         JOIN contract_options b ON b.contract_id = a.contract_id AND b.option_id = e.excluded_id \
         WHERE a.removed_at IS NULL AND b.removed_at IS NULL \
         AND ((a.is_in_force AND b.is_in_force) OR (a.is_in_next AND b.is_in_next)) \
         UNION ALL SELECT contract_id, 'has an option that is neither in force nor to be' FROM contract_options \
         WHERE removed_at IS NULL AND NOT is_in_force AND NOT is_in_next \
         UNION ALL SELECT id, 'plans to change to the tariff it has' FROM contracts WHERE next_tariff_id = tariff_id \
         UNION ALL SELECT id, 'is a draft or terminated and plans a change of tariff' FROM contracts \
         WHERE next_tariff_id IS NOT NULL AND status NOT IN ('active', 'suspended')",
    )
    .all(conn)
    .await
}
