//! `telecom-crm serve`.

use std::net::TcpListener;

use acl::PasswordCost;
use api::app;
use database::jobs::Stop;
use kernel::{Clock, Error, Result};

use crate::{assembly, settings::Settings};

/// Serves until SIGTERM or Ctrl-C, then finishes open requests and saves the data in memory.
pub async fn run(settings: Settings) -> Result<()> {
    let bind = settings.bind;
    // bind first, so that a port in use is reported before anything is created
    let listener = TcpListener::bind(bind).map_err(|error| Error::internal(format!("BIND {bind}: {error}")))?;
    let opened = assembly::open(settings, Clock::System, PasswordCost::default()).await?;
    announce(&opened);
    let (state, stop) = (opened.state.clone(), opened.state.office.stop.clone());
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

/// Stops streams together with the server. Streams never end by themselves, and the server waits for open requests.
async fn stop_at_a_signal(stop: Stop) {
    super::stop_signal().await;
    stop.stop();
}

/// Prints the password of an administrator that was created just now; it is not shown again.
pub fn announce(opened: &assembly::Opened) {
    if let Some(admin) = &opened.first_admin
        && let Some(password) = &admin.generated_password
    {
        // printed to the terminal, never to the log
        println!(
            "The first administrator was made. Keep this, it is not shown again:\n  user name: {}\n  password:  {}",
            admin.username,
            password.reveal()
        );
    }
}
