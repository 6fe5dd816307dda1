//! `telecom-crm serve`.

use std::{net::TcpListener, sync::Arc, time::Duration};

use acl::PasswordCost;
use kernel::{Clock, Error, Result};

use crate::{app, couriers, gateways, runs, settings::Settings, state::State};

/// How long messages on their way may take when stopping.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or Ctrl-C; then finishes what runs and writes down what is in memory.
pub async fn run(settings: Settings) -> Result<()> {
    let bind = settings.bind;
    // first of all, so that a port that is taken shows before anything is made
    let listener = TcpListener::bind(bind).map_err(|error| Error::internal(format!("BIND {bind}: {error}")))?;
    let opened = app::open(settings, Clock::System, PasswordCost::default()).await?;
    announce(&opened);
    let state = opened.state;
    let server = app::serve(state.clone(), listener).map_err(Error::internal)?;
    log::info!("serving on http://{bind}, documentation at http://{bind}/swagger-ui/");
    let chores = actix_web::rt::spawn(app::chores(state.clone()));
    let couriers = actix_web::rt::spawn(couriers::run(state.clone()));
    let billing = actix_web::rt::spawn(runs::work(state.clone()));
    let gateways = {
        let state = state.clone();
        // beside the chores: whoever waits for a gateway holds up nothing else
        actix_web::rt::spawn(async move { gateways::chores(&state).await })
    };
    let bell = actix_web::rt::spawn(hear_of_the_end(state.clone()));
    server.await.map_err(Error::internal)?;
    chores.abort();
    gateways.abort();
    bell.abort();
    state.stop();
    state.runs.stop();
    if let Err(error) = billing.await {
        log::warn!("billing runs were left as they are: {error}");
    }
    // what they have not noted by then is sent again after the next start, under the same ids
    let _given_up = tokio::time::timeout(LAST_WORDS, couriers).await;
    app::flush(&state, true).await;
    state.db.close().await;
    log::info!("stopped");
    Ok(())
}

/// Streams never end by themselves, and the server waits for what runs: they are told as soon as it is.
async fn hear_of_the_end(state: Arc<State>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => return state.stop(),
                _ = tokio::signal::ctrl_c() => return state.stop(),
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        state.stop();
    }
}

/// Shows the password of an administrator that was made just now; it is shown this once.
pub fn announce(opened: &app::Opened) {
    if let Some(admin) = &opened.first_admin
        && let Some(password) = &admin.generated_password
    {
        // to the terminal and never to the log
        println!(
            "The first administrator was made. Keep this, it is not shown again:\n  user name: {}\n  password:  {}",
            admin.username,
            password.reveal()
        );
    }
}
