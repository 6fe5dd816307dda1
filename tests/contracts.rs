//! Contracts: drafts and their checklist, the life cycle, and their records.

mod checklist;
mod credit;
mod drafts;
mod records;
mod statements;
mod states;

use contracts::HoldReason;
use kernel::id::ContractId;

use crate::harness::App;

/// Places a hold that staff cannot place, as the responsible module would.
async fn hold(app: &App, contract: i64, reason: HoldReason) {
    let context = app.context();
    app.state
        .db
        .transaction(&context, async |tx| {
            let mut contract = contracts::steps::load(tx, ContractId::new(contract)).await?;
            contracts::steps::place_hold(tx, &mut contract, reason, Some("так надо")).await
        })
        .await
        .unwrap();
}
