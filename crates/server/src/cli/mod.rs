//! The command-line interface.

mod billing;
mod health;
mod log;
mod serve;
mod users;

use std::{error::Error as _, process::ExitCode};

use acl::PasswordCost;
use clap::{Parser, Subcommand};
use database::{ConnectOptions, Db};
use kernel::{Clock, Error, Result};
use messages::Locale;
use rehearsal::Simulate;
use schema::SCHEMA;

use crate::{assembly, settings::Settings, verify};

/// The exit status for invalid settings or arguments.
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
    /// Serve the API (the default command).
    Serve,
    /// Migrate the database to the current schema.
    Migrate,
    /// Create a staff user. The password is read from the terminal or from standard input, or generated.
    CreateUser(users::CreateUser),
    /// Fill the database with realistic subscribers, SIMs, contracts, payments and tickets.
    Seed(rehearsal::Seed),
    /// Simulate months of an operator's business with its own clock, and check every amount.
    Simulate(rehearsal::Simulate),
    /// Charge everything that is due.
    Billing(billing::Billing),
    /// Print the OpenAPI document.
    Openapi,
    /// Check every invariant of money, states and the audit trail.
    Verify,
    /// Check whether the server on BIND is ready.
    Health,
    /// Print a command that sends a signed event of the sandbox gateway, to test payments.
    SandboxEvent(rehearsal::SandboxEvent),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve);
    // needs no settings, and builds run it
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

/// Prints the message of an error, its wrong fields and its cause.
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
        Command::Migrate => SCHEMA.migrate(&assembly::connect(&settings).await?.patient(), &settings.database_url).await?,
        Command::CreateUser(arguments) => arguments.run(opened(settings).await?).await?,
        Command::Seed(arguments) => arguments.run(&opened(settings).await?.state.office).await?,
        Command::Simulate(arguments) => return simulate(arguments, &settings).await,
        Command::Billing(arguments) => return arguments.run(opened(settings).await?).await,
        Command::Openapi => {}
        Command::Verify => return verify::run(&settings).await,
        Command::SandboxEvent(arguments) => {
            let keys = settings.gateways.sandbox.as_ref();
            println!("{}", arguments.command(keys, settings.bind, settings.policy.country)?);
        }
        Command::Health => return Ok(health::run(&settings).await),
    }
    Ok(ExitCode::SUCCESS)
}

async fn simulate(arguments: Simulate, settings: &Settings) -> Result<ExitCode> {
    let (url, _folder) = arguments.place()?;
    let db = Db::connect(&ConnectOptions { url: url.clone(), pool_size: settings.database_pool_size }).await?.patient();
    SCHEMA.migrate(&db, &url).await?;
    let is_sound = arguments.run(&db, &settings.policy, verify::violations).await;
    db.close().await;
    Ok(if is_sound? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for SIGTERM or Ctrl-C.
async fn stop_signal() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminated.recv() => return,
            _ = tokio::signal::ctrl_c() => return,
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // without signals, waits forever
        std::future::pending::<()>().await;
    }
}

async fn opened(settings: Settings) -> Result<assembly::Opened> {
    let opened = assembly::open(settings, Clock::System, PasswordCost::default()).await?;
    serve::announce(&opened);
    Ok(opened)
}

fn print_document() -> ExitCode {
    match serde_json::to_string_pretty(&api::served::make_document()) {
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
