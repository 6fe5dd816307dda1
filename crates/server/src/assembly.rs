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
    order_keys::Named,
    record::{self, SettingsOfRecord},
};
use files::Files;
use gateways::Gateways;
use kernel::{
    Clock, Error, Secret,
    settings::{StartError, io_cause},
};
use messages::Locale;
use notifications::Couriers;
use schema::SCHEMA;
use uuid::Uuid;

use crate::{failure::Failure, settings::Settings};

/// The names by which lists are ordered.
pub static ORDERED: [Named; 3] = {
    let [tariffs, options] = tariffs::ORDERED;
    [acl::USERS_ORDERED, tariffs, options]
};

/// An open and migrated database, with the state of the program.
pub struct Opened {
    /// The state of the program.
    pub state: Arc<State>,
    /// The settings.
    pub settings: Settings,
    /// The first administrator, if it was created just now.
    pub first_admin: Option<FirstAdmin>,
    /// The number of migrations that were applied just now.
    pub migrated: u64,
}

/// Opens and migrates the database, creating it if there is none, and creates the built-in roles and the first administrator if they
/// are missing.
pub async fn open(settings: Settings, clock: Clock, cost: PasswordCost) -> Result<Opened, Failure> {
    let db = create(&settings).await?;
    assembled(db, settings, clock, cost).await
}

/// Opens and migrates a database that is there, for commands that must not make a new one of a mistyped name.
pub async fn open_existing(settings: Settings, clock: Clock, cost: PasswordCost) -> Result<Opened, Failure> {
    let db = connect(&settings).await?;
    SCHEMA.must_be_there(&db, &settings.database_url).await?;
    assembled(db, settings, clock, cost).await
}

async fn assembled(db: Db, settings: Settings, clock: Clock, cost: PasswordCost) -> Result<Opened, Failure> {
    let migrated = migrate(&db, &settings, &clock).await?;
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
    let first_admin = bootstrap::bootstrap(&state.db.patient(), &context, state.access.passwords(), name, password).await;
    let first_admin = first_admin.map_err(unfit_administrator)?;
    state.db.drop_idle();
    Ok(Opened { state, settings, first_admin, migrated })
}

/// Migrates the database, and refuses one that was made with another country, currency or time zone. Returns the number of migrations.
pub async fn migrate(db: &Db, settings: &Settings, clock: &Clock) -> Result<u64, Failure> {
    let migrated = SCHEMA.migrate(&db.patient(), &settings.database_url).await?;
    let office = Office { db: db.clone(), clock: clock.clone(), policy: settings.policy.clone(), stop: Stop::default() };
    let recorded = record::keep(&db.patient(), &office.context("start", "settings of record")).await?;
    recorded.must_allow(&SettingsOfRecord::of(&settings.policy))?;
    Ok(migrated)
}

/// Connects to the database without changing it. Errors when it is missing.
pub async fn connect(settings: &Settings) -> Result<Db, StartError> {
    Db::connect(&options(settings, false)).await
}

/// Connects to the database; creates the file of SQLite if it is missing.
pub async fn create(settings: &Settings) -> Result<Db, StartError> {
    Db::connect(&options(settings, true)).await
}

fn options(settings: &Settings, may_create: bool) -> ConnectOptions {
    let (pool_size, pooling) = (settings.database_pool_size, settings.pooling);
    ConnectOptions { url: settings.database_url.clone(), pool_size, pooling, may_create }
}

/// Says which setting is to blame when the first administrator cannot be made.
fn unfit_administrator(error: Error) -> Failure {
    let locale = Locale::negotiate(Some("en"));
    let Some(wrong) = error.wrong_fields().first() else { return error.into() };
    let setting = if wrong.pointer == "/password" { "ADMIN_PASSWORD" } else { "ADMIN_USERNAME" };
    let cause = locale.text(wrong.code, &wrong.args);
    let cause = cause.trim_end_matches('.').to_owned();
    StartError::new(setting, cause, "choose another one, or leave it empty").wrong_setting().into()
}

/// Registers every job. With jobs switched off, only those that serving requires remain.
pub fn driver(state: &State, settings: &Settings) -> Driver {
    let mut driver = Driver::new(state.office.clone(), state.jobs.clone(), Uuid::new_v4().to_string());
    acl::jobs::register(&mut driver, &state.access, &state.denials);
    api::jobs::register(&mut driver, state);
    customers::jobs::register(&mut driver);
    sims::jobs::register(&mut driver);
    database::order_keys::register(&mut driver, &ORDERED);
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
fn kept_secret(folder: &Path) -> Result<Secret, Failure> {
    let path = folder.join("jwt.secret");
    let unusable = |error: std::io::Error| {
        let remedy = "let the user of the program read and write it, or set JWT_SECRET";
        StartError::new(path.display().to_string(), io_cause(&error), remedy)
    };
    if !path.exists() {
        let secret = acl::random_secret()?;
        fs::create_dir_all(folder).map_err(unusable)?;
        let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(unusable)?;
        draft.write_all(secret.as_bytes()).map_err(unusable)?;
        draft.as_file().sync_all().map_err(unusable)?;
        // readable only by its owner, and never overwrites an existing file
        if let Err(failed) = draft.persist_noclobber(&path)
            && !path.exists()
        {
            return Err(unusable(failed.error).into());
        }
    }
    Ok(fs::read_to_string(&path).map(|text| Secret::new(text.trim().to_owned())).map_err(unusable)?)
}
