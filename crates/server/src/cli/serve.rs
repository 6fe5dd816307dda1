//! `telecom-crm serve`.

use std::{io::ErrorKind, net::TcpListener};

use acl::PasswordCost;
use api::app;
use database::jobs::Stop;
use kernel::{
    Clock, Error, Result,
    settings::{StartError, io_cause},
};
use rehearsal::print;
use schema::SCHEMA;

use crate::{assembly, failure::Failure, settings::Settings};

/// Serves until SIGTERM or Ctrl-C, then finishes open requests and saves the data in memory.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let bind = settings.bind;
    // bind first, so that a port in use is reported before anything is created
    let listener = TcpListener::bind(bind)
        .map_err(|error| StartError::new("BIND", format!("the program cannot listen on {bind} ({})", io_cause(&error)), remedy(&error)))?;
    let opened = assembly::open(settings, Clock::System, PasswordCost::default()).await?;
    announce(&opened)?;
    let (state, stop) = (opened.state.clone(), opened.state.office.stop.clone());
    log::info!("{}", description(&opened));
    let server = app::serve(state.clone(), listener).map_err(Error::internal)?;
    log::info!("serving on http://{bind}, documentation at http://{bind}/swagger-ui/");
    let driver = assembly::driver(&state, &opened.settings);
    let jobs = actix_web::rt::spawn(async move {
        driver.run().await;
        driver
    });
    let signals = actix_web::rt::spawn(stop_at_a_signal(stop.clone()));
    server.await.map_err(Error::internal)?;
    signals.abort();
    stop.stop();
    match jobs.await {
        Ok(driver) => driver.take_last_turns().await,
        Err(error) => log::warn!("jobs did not stop cleanly: {error}"),
    }
    state.db.close().await;
    log::info!("stopped");
    Ok(())
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "end that process, or choose another port",
        ErrorKind::PermissionDenied => "choose a port from 1024 on, or allow the program to use this one",
        _ => "name an address of this machine",
    }
}

/// What runs, on what, and by which rules.
fn description(opened: &assembly::Opened) -> String {
    let settings = &opened.settings;
    let version = env!("CARGO_PKG_VERSION");
    let (country, zone) = (settings.policy.country, settings.policy.time_zone.name());
    let schema = SCHEMA.newest(opened.state.db.engine());
    let (database, migrated) = (&settings.database_url, opened.migrated);
    format!("telecom-crm {version} on {database:?}, country {country}, time zone {zone}, schema {schema}, {migrated} migrations applied")
}

/// Stops streams together with the server. Streams never end by themselves, and the server waits for open requests.
async fn stop_at_a_signal(stop: Stop) {
    super::stop_signal().await;
    stop.stop();
}

/// Prints the password of an administrator that was created just now; it is not shown again.
pub fn announce(opened: &assembly::Opened) -> Result<()> {
    if let Some(admin) = &opened.first_admin
        && let Some(password) = &admin.generated_password
    {
        // printed to the terminal, never to the log
        print(format_args!(
            "The first administrator was made. Keep this, it is not shown again:\n  user name: {}\n  password:  {}",
            admin.username,
            password.reveal()
        ))?;
    }
    Ok(())
}
