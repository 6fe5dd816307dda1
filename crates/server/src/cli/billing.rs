//! `telecom-crm billing`.

use std::process::ExitCode;

use acl::Granted;
use billing::{BillingRun, RunInput, RunState, jobs, run};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use database::{Paging, page::PagingParameters};
use kernel::{FieldErrors, Input, Result};
use messages::Locale;
use rehearsal::{Progress, print};

use crate::assembly::Opened;

/// The number of failures shown; the API lists all failures of a run.
const MOST_SHOWN: i64 = 20;

/// Charges everything that is due.
#[derive(Args)]
pub struct Billing {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Charge everything that is due, as the server does every day. The exit status is 1 if a contract could not be charged.
    Run(Run),
}

/// The run to start or to continue.
#[derive(Args)]
struct Run {
    /// The day to charge; by default today.
    #[arg(long)]
    date: Option<NaiveDate>,
    /// Only compute what would be charged.
    #[arg(long)]
    dry_run: bool,
}

impl Billing {
    /// Runs the command. Errors: a date that a run cannot have, an unavailable database.
    pub async fn run(self, opened: Opened) -> Result<ExitCode> {
        let Command::Run(run) = self.command;
        run.run(opened).await
    }
}

impl Run {
    async fn run(self, opened: Opened) -> Result<ExitCode> {
        let state = opened.state;
        let context = state.office.context("billing run", run::ACTOR);
        let input = RunInput { date: self.date, dry_run: self.dry_run };
        let mut wrong = FieldErrors::default();
        input.check(&context, &mut wrong);
        wrong.into_result()?;
        let begun = state.db.patient().transaction(&context, async |tx| run::start(tx, &Granted::system(run::ACTOR), &input).await).await?;
        let stop = state.office.stop.clone();
        let signals = actix_web::rt::spawn(async move {
            super::stop_signal().await;
            stop.stop();
        });
        let mut progress: Option<Progress> = None;
        let mut say = |run: &BillingRun| {
            let total = run.due_count.and_then(|due| u64::try_from(due).ok()).unwrap_or_default();
            let progress = progress.get_or_insert_with(|| Progress::new(total, "contracts"));
            progress.reach(u64::try_from(run.done_count).unwrap_or_default().min(total));
        };
        let outcome = jobs::to_its_end(&state.office, begun.id, &mut say).await;
        progress.iter().for_each(Progress::finish);
        signals.abort();
        let run = outcome?;
        print(summary(&run))?;
        if run.failed_count > 0 {
            show_failures(&state, &run).await?;
        }
        state.db.close().await;
        let is_well = run.state == RunState::Finished && run.failed_count == 0;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn summary(run: &BillingRun) -> String {
    let BillingRun { charged_count, skipped_count, debt_count, failed_count, charges_count, sum_charged, .. } = run;
    let kind = if run.dry_run { "dry run" } else { "run" };
    let how = match run.state {
        RunState::Running => "stopped; whoever starts it again goes on from here",
        RunState::Finished => "finished",
        RunState::Failed => "failed",
    };
    format!(
        "billing {kind} {} of {}: {how}\n{} contracts seen to: {charged_count} charged, {skipped_count} with nothing to charge, \
         {debt_count} held for debt, {failed_count} failed; {charges_count} charges of {sum_charged} in all",
        run.id, run.billing_date, run.done_count
    )
}

async fn show_failures(state: &api::state::State, run: &BillingRun) -> Result<()> {
    let first = PagingParameters { page_size: Some(MOST_SHOWN.to_string()), ..PagingParameters::default() };
    let paging = Paging::parse(billing::FAILURES, &first)?;
    let locale = Locale::negotiate(Some("en"));
    let context = state.office.context("billing run", run::ACTOR);
    let page = state.db.read(&context, async |conn| run::failures(conn, &Granted::system(run::ACTOR), run.id, &paging).await).await?;
    for failure in page.results.into_iter().map(|failure| failure.worded(|code, values| locale.text(code, values))) {
        eprintln!("contract {}: {} ({})", failure.contract_number, failure.message, failure.code);
    }
    if run.failed_count > MOST_SHOWN {
        eprintln!("and {} more; see GET /api/v1/billing/runs/{}/failures", run.failed_count - MOST_SHOWN, run.id);
    }
    Ok(())
}
