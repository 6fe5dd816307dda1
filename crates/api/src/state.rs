//! What every request shares. Nothing in it may differ between instances for longer than a request.

use std::{net::IpAddr, sync::Arc};

use acl::{Access, Seals, audit::ReadLog};
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

use crate::{settings::HttpSettings, streams::Streams};

/// The parts that the program puts together for the requests.
pub struct Parts {
    /// Database, clock, policy and the wish to stop.
    pub office: Office,
    /// The schema that the program was built for.
    pub schema: &'static Schema,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Seals stored responses and the secrets of webhooks.
    pub seals: Seals,
    /// What is attached to tickets.
    pub files: Arc<Files>,
    /// Payment gateways.
    pub gateways: Arc<Gateways>,
    /// Self-service terminals.
    pub terminal: TerminalSettings,
    /// What messages and webhooks leave by.
    pub couriers: Arc<Couriers>,
    /// How requests are served.
    pub settings: HttpSettings,
}

/// What every request shares.
pub struct State {
    /// The database.
    pub db: Db,
    /// What use cases between transactions work with.
    pub office: Office,
    /// The schema that the program was built for.
    pub schema: &'static Schema,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Reads of unmasked personal data, on their way to the audit trail.
    pub reads: Arc<ReadLog>,
    /// What is attached to tickets.
    pub files: Arc<Files>,
    /// Payment gateways.
    pub gateways: Arc<Gateways>,
    /// Self-service terminals.
    pub terminal: TerminalSettings,
    /// How requests are served.
    pub settings: HttpSettings,
    /// Billing runs that this instance is to work on.
    pub runs: Arc<Runs>,
    /// Seals stored responses and the secrets of webhooks.
    pub seals: Seals,
    /// What messages and webhooks leave by.
    pub couriers: Arc<Couriers>,
    /// Streams of events to staff.
    pub streams: Arc<Streams>,
    /// What the jobs of this instance have done.
    pub jobs: Figures,
    /// Tries to sign in, by address.
    pub sign_ins: Arc<SignIns>,
}

impl State {
    /// Makes what only requests need.
    pub fn new(parts: Parts) -> Self {
        let Parts { office, schema, access, seals, files, gateways, terminal, couriers, settings } = parts;
        let sign_ins = Arc::new(SignIns(RateLimiter::keyed(Quota::per_minute(settings.sign_ins_per_minute))));
        let streams = Arc::new(Streams::new(settings.event_streams));
        let (reads, runs, jobs) = (Arc::default(), Arc::default(), Figures::default());
        let db = office.db.clone();
        Self { db, office, schema, access, reads, files, gateways, terminal, settings, runs, seals, couriers, streams, jobs, sign_ins }
    }

    /// The surroundings of a use case that begins now.
    pub fn context(&self, origin: Origin, actor: Actor) -> Arc<Context> {
        Arc::new(Context { now: self.office.clock.now(), policy: self.office.policy.clone(), origin, actor })
    }

    /// Whether forwarded-for headers from this address count.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.settings.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

/// Tries to sign in, counted by address.
pub struct SignIns(DefaultKeyedRateLimiter<IpAddr>);

impl SignIns {
    /// Counts a try. Errors: `sign_in_rate_limited` when the address has tried too often.
    pub fn count(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        self.0.check_key(&address).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::Clock::now(&governor::clock::DefaultClock::default()));
            Error::new(acl::refusal::SIGN_IN_RATE_LIMITED).retry_after(wait.as_secs() + 1)
        })
    }

    /// Forgets addresses that have not tried for a while.
    pub fn forget_old(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}
