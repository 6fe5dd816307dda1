//! The command-line tool (SPEC 1.7).

mod billing;
mod health;
mod log;
mod progress;
mod sandbox_event;
mod seed;
mod serve;
pub mod simulate;
mod users;
pub mod verify;

use std::{error::Error as _, process::ExitCode};

use acl::PasswordCost;
use clap::{Parser, Subcommand};
use kernel::{Clock, Error, Result, locale::Locale};

use crate::{app, settings::Settings};

/// Settings that cannot be used, or a command that cannot be read.
const USAGE: u8 = 2;

/// The back office of a mobile operator.
#[derive(Parser)]
#[command(name = "telecom-crm", version, about, after_help = "Settings come from the environment and .env; see .env.example.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (what it does when told nothing).
    Serve,
    /// Bring the database's schema up to date.
    Migrate,
    /// Make a staff user; the password is read from the terminal or from standard input, or made up.
    CreateUser(users::CreateUser),
    /// Fill the database with realistic people, SIMs, contracts, payments and tickets.
    Seed(seed::Seed),
    /// Live through months of an operator's life on a clock of its own, and check every amount.
    Simulate(simulate::Simulate),
    /// Charge what is due.
    Billing(billing::Billing),
    /// Print the OpenAPI document.
    Openapi,
    /// Check every invariant of money, states and the audit trail.
    Verify,
    /// Ask a running server on BIND whether it can serve.
    Health,
    /// Print a command that sends an event of the sandbox gateway, signed, for trying payments out.
    SandboxEvent(sandbox_event::SandboxEvent),
}

/// Runs the tool.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve);
    // needs no settings, and is asked for by builds
    if matches!(command, Command::Openapi) {
        return print_document();
    }
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(wrong) => {
            for setting in wrong {
                eprintln!("{setting}");
            }
            return ExitCode::from(USAGE);
        }
    };
    log::start(&settings);
    let outcome = actix_web::rt::System::new().block_on(run(command, settings));
    let code = outcome.unwrap_or_else(|error| {
        explain(&error);
        ExitCode::FAILURE
    });
    log::flush();
    code
}

/// Says on the terminal what a caller would read in a problem, and what lies beneath.
fn explain(error: &Error) {
    let locale = Locale::negotiate(Some("en"));
    eprintln!("{}", locale.text(error.code().name, error.args()));
    for wrong in error.wrong_fields() {
        eprintln!("  {}: {}", wrong.pointer.trim_start_matches('/'), locale.text(wrong.code, &wrong.args));
    }
    if let Some(cause) = error.source() {
        eprintln!("  {cause}");
    }
}

async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
    match command {
        Command::Serve => serve::run(settings).await?,
        Command::Migrate => app::connect(&settings).await?.patient().migrate(&settings.database_url).await?,
        Command::CreateUser(arguments) => arguments.run(opened(settings).await?).await?,
        Command::Seed(arguments) => arguments.run(opened(settings).await?).await?,
        Command::Simulate(arguments) => return arguments.run(&settings).await,
        Command::Billing(arguments) => return arguments.run(opened(settings).await?).await,
        Command::Openapi => {}
        Command::Verify => return verify::run(&settings).await,
        Command::SandboxEvent(arguments) => arguments.run(&settings)?,
        Command::Health => return Ok(health::run(&settings).await),
    }
    Ok(ExitCode::SUCCESS)
}

async fn opened(settings: Settings) -> Result<app::Opened> {
    let opened = app::open(settings, Clock::System, PasswordCost::default()).await?;
    serve::announce(&opened);
    Ok(opened)
}

fn print_document() -> ExitCode {
    match serde_json::to_string_pretty(app::document()) {
        Ok(document) => {
            println!("{document}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
