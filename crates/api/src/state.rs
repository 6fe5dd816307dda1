//! State that all requests share. None of it may differ between instances for longer than a request.

use std::{net::IpAddr, sync::Arc};

use acl::{Access, Seals, denials::DenialLog, reads::ReadLog};
use billing::Runs;
use database::{
    Db, Schema,
    jobs::{Figures, Office},
};
use files::Files;
use gateways::{Gateways, settings::TerminalSettings};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use kernel::{Actor, Context, Error, Origin, Result};
use notifications::Couriers;
use tokio::sync::Semaphore;

use crate::{settings::HttpSettings, shares::Shares, streams::Streams};

/// Mails that are received at the same time; each is in memory as a whole.
const MAILS: usize = 4;
/// Files that one caller may send at a time.
const UPLOADS_EACH: usize = 4;

/// What the program provides to build a [`State`].
pub struct Parts {
    /// Database, clock, policy and the stop signal.
    pub office: Office,
    /// The database schema that the program expects.
    pub schema: &'static Schema,
    /// Authentication and permissions.
    pub access: Arc<Access>,
    /// Encrypts stored responses and the secrets of webhooks.
    pub seals: Seals,
    /// Files attached to tickets.
    pub files: Arc<Files>,
    /// Payment gateways.
    pub gateways: Arc<Gateways>,
    /// Self-service terminals.
    pub terminal: TerminalSettings,
    /// Senders of messages and webhooks.
    pub couriers: Arc<Couriers>,
    /// Settings of the HTTP edge.
    pub settings: HttpSettings,
}

/// State that all requests share.
pub struct State {
    /// The database.
    pub db: Db,
    /// Database, clock, policy and the stop signal, for use cases that begin their own transactions.
    pub office: Office,
    /// The database schema that the program expects.
    pub schema: &'static Schema,
    /// Authentication and permissions.
    pub access: Arc<Access>,
    /// Puts reads of unmasked personal data on record.
    pub reads: Arc<ReadLog>,
    /// Refused accesses of each user, recorded or counted.
    pub denials: Arc<DenialLog>,
    /// Files attached to tickets.
    pub files: Arc<Files>,
    /// Payment gateways.
    pub gateways: Arc<Gateways>,
    /// Self-service terminals.
    pub terminal: TerminalSettings,
    /// Settings of the HTTP edge.
    pub settings: HttpSettings,
    /// Billing runs that this instance has to work on.
    pub runs: Arc<Runs>,
    /// Encrypts stored responses and the secrets of webhooks.
    pub seals: Seals,
    /// Senders of messages and webhooks.
    pub couriers: Arc<Couriers>,
    /// Event streams to staff.
    pub streams: Arc<Streams>,
    /// Places for files that are being received.
    pub uploads: Arc<Shares>,
    /// Places for mails that are being received.
    pub mails: Arc<Semaphore>,
    /// Figures about the jobs of this instance.
    pub jobs: Figures,
    /// Limits sign-in attempts per address.
    pub sign_ins: Arc<SignIns>,
}

impl State {
    /// Builds the state, with the parts that only requests need.
    pub fn new(parts: Parts) -> Self {
        let Parts { office, schema, access, seals, files, gateways, terminal, couriers, settings } = parts;
        let sign_ins = Arc::new(SignIns(RateLimiter::keyed(Quota::per_minute(settings.sign_ins_per_minute))));
        let streams = Arc::new(Streams::new(settings.event_streams));
        let uploads = Shares::new(files::AT_ONCE, UPLOADS_EACH);
        let (reads, denials, runs, jobs) = (Arc::default(), Arc::default(), Arc::default(), Figures::default());
        let db = office.db.clone();
        Self {
            db,
            office,
            schema,
            access,
            reads,
            denials,
            files,
            gateways,
            terminal,
            settings,
            runs,
            seals,
            couriers,
            streams,
            uploads,
            mails: Arc::new(Semaphore::new(MAILS)),
            jobs,
            sign_ins,
        }
    }

    /// The context of a use case that begins now.
    pub fn context(&self, origin: Origin, actor: Actor) -> Arc<Context> {
        Arc::new(Context { now: self.office.clock.now(), policy: self.office.policy.clone(), origin, actor })
    }

    /// Whether forwarded headers from this address are trusted.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.settings.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

/// Limits sign-in attempts per address.
pub struct SignIns(DefaultKeyedRateLimiter<IpAddr>);

impl SignIns {
    /// Counts an attempt. Errors: `sign_in_rate_limited` if the address has made too many.
    pub fn count(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        self.0.check_key(&address).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::Clock::now(&governor::clock::DefaultClock::default()));
            Error::new(acl::refusal::SIGN_IN_RATE_LIMITED).retry_after(wait.as_secs() + 1)
        })
    }

    /// Removes addresses without recent attempts.
    pub fn forget_old(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}
