//! The command-line interface.

mod billing;
mod health;
mod log;
mod serve;
mod settings;
mod users;

use std::{error::Error as _, process::ExitCode};

use acl::PasswordCost;
use clap::{Parser, Subcommand};
use database::{ConnectOptions, Db};
use kernel::{Clock, Error, Kind};
use messages::Locale;
use rehearsal::{Simulate, print};
use schema::SCHEMA;

use crate::{
    assembly,
    failure::Failure,
    settings::Settings,
    variables::{FILE, Source, Variables},
    verify,
};

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
    /// Show the settings in force and where each comes from, and what the database was made for.
    Settings,
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
    keep_files_private();
    let command = cli.command.unwrap_or(Command::Serve);
    // needs no settings, and builds run it
    if matches!(command, Command::Openapi) {
        return ended(print_document());
    }
    let variables = match Variables::read() {
        Ok(variables) => variables,
        Err(error) => return ended(Err(error.into())),
    };
    let settings = match Settings::read(variables.values()) {
        Ok(settings) => settings,
        Err(wrong) => {
            for setting in wrong {
                match variables.source(setting.name) {
                    Some(Source::Line(line)) => eprintln!("{setting} ({FILE}, line {line})"),
                    _ => eprintln!("{setting}"),
                }
            }
            return ExitCode::from(USAGE);
        }
    };
    log::start(&settings);
    for warning in variables.warnings() {
        ::log::warn!("{warning}");
    }
    let code = ended(actix_web::rt::System::new().block_on(run(command, settings, &variables)));
    log::flush();
    code
}

/// Creates files that only the user of the program can read (0600), and folders (0700): the database, attached files, keys.
fn keep_files_private() {
    #[cfg(unix)]
    let _former = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// The exit code; a failure is explained on standard error.
fn ended(outcome: Result<ExitCode, Failure>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(Failure::Start(error)) => {
            eprintln!("{error}");
            if error.is_wrong_setting() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
        Err(Failure::Work(error)) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints the message of an error, its wrong fields and its cause.
fn explain(error: &Error) {
    let locale = Locale::negotiate(Some("en"));
    match error.kind() {
        // the messages for these are about requests
        Kind::Internal => eprintln!("an unexpected error; please report it with this line: {error}"),
        Kind::Unavailable => eprintln!("the database or the file store is unavailable ({error}); check it, and run the command again"),
        _ => {
            eprintln!("{}", locale.text(error.code().name, error.args()));
            for wrong in error.wrong_fields() {
                eprintln!("  {}: {}", wrong.pointer.trim_start_matches('/'), locale.text(wrong.code, &wrong.args));
            }
            if let Some(cause) = error.source() {
                eprintln!("  {cause}");
            }
        }
    }
}

async fn run(command: Command, settings: Settings, variables: &Variables) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve => serve::run(settings).await?,
        Command::Migrate => migrate(&settings).await?,
        Command::CreateUser(arguments) => arguments.run(existing(settings).await?).await?,
        Command::Seed(arguments) => {
            let opened = assembly::open(settings, Clock::System, PasswordCost::default()).await?;
            serve::announce(&opened)?;
            arguments.run(&opened.state.office).await?;
        }
        Command::Simulate(arguments) => return simulate(arguments, &settings).await,
        Command::Billing(arguments) => return Ok(arguments.run(existing(settings).await?).await?),
        Command::Openapi => {}
        Command::Settings => settings::run(&settings, variables).await?,
        Command::Verify => return verify::run(&settings).await,
        Command::SandboxEvent(arguments) => {
            let keys = settings.gateways.sandbox.as_ref();
            let db = assembly::connect(&settings).await?;
            let command = arguments.command(&db, keys, settings.bind, &settings.policy).await;
            db.close().await;
            print(command?)?;
        }
        Command::Health => return Ok(health::run(&settings).await),
    }
    Ok(ExitCode::SUCCESS)
}

async fn migrate(settings: &Settings) -> Result<(), Failure> {
    let db = assembly::create(settings).await?;
    let migrated = assembly::migrate(&db, settings, &Clock::System).await?;
    let version = SCHEMA.newest(db.engine());
    db.close().await;
    match migrated {
        0 => print(format_args!("nothing to migrate: the schema is of version {version}"))?,
        1 => print(format_args!("1 migration was applied; the schema is of version {version}"))?,
        count => print(format_args!("{count} migrations were applied; the schema is of version {version}"))?,
    }
    Ok(())
}

async fn simulate(arguments: Simulate, settings: &Settings) -> Result<ExitCode, Failure> {
    let (url, _folder) = arguments.place()?;
    let (pool_size, pooling) = (settings.database_pool_size, settings.pooling);
    let options = ConnectOptions { url: url.clone(), pool_size, pooling, may_create: true };
    let db = Db::connect(&options).await?.patient();
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

async fn existing(settings: Settings) -> Result<assembly::Opened, Failure> {
    let opened = assembly::open_existing(settings, Clock::System, PasswordCost::default()).await?;
    serve::announce(&opened)?;
    Ok(opened)
}

fn print_document() -> Result<ExitCode, Failure> {
    let document = serde_json::to_string_pretty(&api::served::make_document()).map_err(Error::internal)?;
    print(document)?;
    Ok(ExitCode::SUCCESS)
}
