//! Assembles the program in the same way for every command and for the tests.

use std::{fs, io::Write, path::Path, sync::Arc};

use acl::{
    Access, AccessSettings, PasswordCost, Seals,
    bootstrap::{self, FirstAdmin},
};
use api::state::{Parts, State};
use database::{
    ConnectOptions, Db,
    jobs::{Driver, Office, Stop},
};
use files::Files;
use gateways::Gateways;
use kernel::{Clock, Error, Result, Secret};
use notifications::Couriers;
use schema::SCHEMA;
use uuid::Uuid;

use crate::settings::Settings;

/// An open and migrated database, with the state of the program.
pub struct Opened {
    /// The state of the program.
    pub state: Arc<State>,
    /// The settings.
    pub settings: Settings,
    /// The first administrator, if it was created just now.
    pub first_admin: Option<FirstAdmin>,
}

/// Opens and migrates the database, and creates the built-in roles and the first administrator if they are missing.
pub async fn open(settings: Settings, clock: Clock, cost: PasswordCost) -> Result<Opened> {
    let db = connect(&settings).await?;
    SCHEMA.migrate(&db, &settings.database_url).await?;
    let access_section = &settings.access;
    let secret = match &access_section.jwt_secret {
        Some(secret) => secret.clone(),
        None => kept_secret(&settings.database_url.folder())?,
    };
    let access_settings = AccessSettings {
        secret: secret.clone(),
        previous_secret: access_section.jwt_secret_previous.clone(),
        access_lifetime: access_section.access_token_life,
        refresh_lifetime: access_section.refresh_token_life,
        password_cost: cost,
    };
    let seals = Seals::new(secret, access_section.jwt_secret_previous.clone());
    let office = Office { db: db.clone(), clock, policy: settings.policy.clone(), stop: Stop::default() };
    let state = Arc::new(State::new(Parts {
        schema: &SCHEMA,
        access: Arc::new(Access::new(db, &access_settings)?),
        files: Arc::new(Files::open(&settings.files_at)?),
        gateways: Arc::new(Gateways::open(&settings.gateways)?),
        couriers: Arc::new(Couriers::new(&settings.notifications, seals.clone())?),
        terminal: settings.terminal.clone(),
        settings: settings.http.clone(),
        seals,
        office,
    }));
    let context = state.office.context("start", "bootstrap");
    let (name, password) = (&settings.access.admin_username, settings.access.admin_password.as_ref());
    // patient, so that a slow disk or another starting instance does not fail the start and lose a generated password
    let first_admin = bootstrap::bootstrap(&state.db.patient(), &context, state.access.passwords(), name, password).await?;
    state.db.drop_idle();
    Ok(Opened { state, settings, first_admin })
}

/// Connects to the database without changing it.
pub async fn connect(settings: &Settings) -> Result<Db> {
    Db::connect(&ConnectOptions { url: settings.database_url.clone(), pool_size: settings.database_pool_size }).await
}

/// Registers every job. With jobs switched off, only those that serving requires remain.
pub fn driver(state: &State, settings: &Settings) -> Driver {
    let mut driver = Driver::new(state.office.clone(), state.jobs.clone(), Uuid::new_v4().to_string());
    acl::jobs::register(&mut driver, &state.access, &state.reads);
    api::jobs::register(&mut driver, state);
    sims::jobs::register(&mut driver);
    tickets::jobs::register(&mut driver, &state.files);
    notifications::jobs::register(&mut driver, &state.couriers);
    gateways::jobs::register(&mut driver, &state.gateways);
    billing::jobs::register(&mut driver, &state.runs, settings.billing_time);
    if !settings.jobs {
        driver.serve_only();
    }
    driver
}

/// Reads the secret stored beside the database, and creates it if there is none. Concurrent first starts agree on one secret.
fn kept_secret(folder: &Path) -> Result<Secret> {
    let path = folder.join("jwt.secret");
    if !path.exists() {
        fs::create_dir_all(folder).map_err(Error::internal)?;
        let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(Error::internal)?;
        draft.write_all(acl::random_secret()?.as_bytes()).map_err(Error::internal)?;
        draft.as_file().sync_all().map_err(Error::internal)?;
        // readable only by its owner, and never overwrites an existing file
        if let Err(failed) = draft.persist_noclobber(&path)
            && !path.exists()
        {
            return Err(Error::internal(failed.error));
        }
    }
    fs::read_to_string(&path).map(|text| Secret::new(text.trim().to_owned())).map_err(Error::internal)
}
