//! Settings from the environment and `.env` (SPEC 1.4): each has a type, a default, and a clear error of its own.

mod telling;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::Path,
    str::FromStr,
    sync::Arc,
};

use acl::Secret;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use ipnet::IpNet;
use kernel::{
    Calendar, Policy,
    calendar::{WorkingDays, WorkingHours},
    country::Country,
    db::DatabaseUrl,
};

pub use self::telling::Telling;
use crate::files::{FilesAt, S3};

mod gateways;

pub use gateways::{GatewaySettings, HttpGateway, TerminalSettings};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to serve on.
    pub bind: SocketAddr,
    /// Where the database is.
    pub database_url: DatabaseUrl,
    /// Most connections to PostgreSQL.
    pub database_pool_size: u32,
    /// Key that signs tokens; `None` makes one beside the database, on a loopback bind only.
    pub jwt_secret: Option<Secret>,
    /// The key before, which still verifies.
    pub jwt_secret_previous: Option<Secret>,
    /// Life of an access token.
    pub access_token_life: TimeDelta,
    /// Life of a refresh token.
    pub refresh_token_life: TimeDelta,
    /// Name of the first administrator of an empty database.
    pub admin_username: String,
    /// Password of the first administrator; `None` makes one up and prints it once.
    pub admin_password: Option<Secret>,
    /// What rules depend on.
    pub policy: Arc<Policy>,
    /// When the run of each day begins, where the operator is; `None` never begins one.
    pub billing_time: Option<NaiveTime>,
    /// The address clients know the server by; `None` takes it from each request.
    pub public_url: Option<String>,
    /// Proxies whose forwarded-for headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins that browsers may call from.
    pub cors_allowed_origins: Vec<String>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged, in `env_logger`'s words.
    pub log_filter: String,
    /// Threads that serve requests.
    pub workers: usize,
    /// Sign-ins an address may try in a minute.
    pub sign_ins_per_minute: NonZeroU32,
    /// Payment gateways.
    pub gateways: GatewaySettings,
    /// Self-service terminals.
    pub terminal: TerminalSettings,
    /// Where files are.
    pub files_at: FilesAt,
    /// How others are told of what happened.
    pub telling: Telling,
    /// Longest wait for a request's body, in seconds.
    pub body_seconds: u64,
    /// Longest wait for running requests when stopping, in seconds.
    pub shutdown_seconds: u64,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongSetting {
    /// The variable.
    pub name: &'static str,
    /// What it should have been.
    pub expected: &'static str,
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // without the value: it may be a secret
        write!(f, "{}: expected {}", self.name, self.expected)
    }
}

/// Reads variables and gathers what is wrong with them.
struct Reader<'a> {
    variables: &'a BTreeMap<String, String>,
    wrong: Vec<WrongSetting>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn parsed<T>(&mut self, name: &'static str, expected: &'static str, parse: impl Fn(&str) -> Option<T>, default: T) -> T {
        match self.text(name).map(|text| parse(text).filter(|_| !text.contains(char::REPLACEMENT_CHARACTER))) {
            None => default,
            Some(Some(value)) => value,
            Some(None) => {
                self.wrong.push(WrongSetting { name, expected });
                default
            }
        }
    }

    fn number(&mut self, name: &'static str, expected: &'static str, range: std::ops::RangeInclusive<i64>, default: i64) -> i64 {
        self.parsed(name, expected, |text| text.parse().ok().filter(|value| range.contains(value)), default)
    }

    fn listed<T>(&mut self, name: &'static str, expected: &'static str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let items = |text: &str| text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(&parse).collect();
        self.parsed(name, expected, items, Vec::new())
    }

    fn secret(&mut self, name: &'static str, expected: &'static str, shortest: usize) -> Option<Secret> {
        self.parsed(name, expected, |text| (text.len() >= shortest).then(|| Some(Secret::new(text.to_owned()))), None)
    }
}

impl Settings {
    /// Reads `.env`, if there is one, and the environment, which goes first.
    pub fn from_environment() -> Result<Self, Vec<WrongSetting>> {
        let mut variables = from_file(Path::new(".env")).map_err(|wrong| vec![wrong])?;
        // what is no UTF-8 keeps a mark that no value may have
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        variables.extend(std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))));
        Self::read(&variables)
    }

    /// Reads variables. Errors: every one that cannot be used.
    pub fn read(variables: &BTreeMap<String, String>) -> Result<Self, Vec<WrongSetting>> {
        let mut from = Reader { variables, wrong: Vec::new() };
        let parse = |text: &str| text.parse().ok();
        let bind = from.parsed("BIND", "an address and a port, such as 127.0.0.1:8000", parse, SocketAddr::from(([127, 0, 0, 1], 8000)));
        let url = "sqlite://path/to/file or postgres://user:password@host/database";
        let database_url = from.parsed("DATABASE_URL", url, |text| text.parse().ok(), DatabaseUrl::Sqlite("./data/crm.db".into()));
        let country = from.parsed("COUNTRY", "ru, kg or kz", |text| text.parse().ok(), Country::Ru);
        let time_zone =
            from.parsed("TIMEZONE", "an IANA time zone, such as Europe/Moscow", |text| text.parse::<Tz>().ok(), country.time_zone());
        let hours = "a number of hours from 1 to 10000";
        let standard = Policy::standard(country);
        let policy = Policy {
            country,
            time_zone,
            number_quarantine_days: from.number("NUMBER_QUARANTINE_DAYS", "a number of days from 0 to 3650", 0..=3650, 90),
            low_balance: from.parsed("LOW_BALANCE", "an amount with two decimals at most, such as 50.00", parse_text, standard.low_balance),
            ticket_hours: [
                from.number("TICKET_HOURS_CRITICAL", hours, 1..=10_000, 4),
                from.number("TICKET_HOURS_HIGH", hours, 1..=10_000, 8),
                from.number("TICKET_HOURS_MEDIUM", hours, 1..=10_000, 24),
                from.number("TICKET_HOURS_LOW", hours, 1..=10_000, 72),
            ],
            ticket_calendar: Calendar::new(
                time_zone,
                from.parsed("TICKET_WORKING_DAYS", "days of the week, such as mon-fri or mon,wed,fri", parse_text, WorkingDays::default()),
                from.parsed(
                    "TICKET_WORKING_HOURS",
                    "the beginning and the end of the working day, such as 09:00-18:00",
                    parse_text,
                    WorkingHours::default(),
                ),
                from.listed("TICKET_HOLIDAYS", "dates, such as 2026-01-01, separated by commas", date).into_iter().collect(),
            ),
        };
        let files_at = files_at(&mut from, &database_url);
        let telling = telling::read(&mut from);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let settings = Self {
            bind,
            database_url,
            database_pool_size: u32::try_from(from.number("DATABASE_POOL_SIZE", "a number from 2 to 500", 2..=500, 16)).unwrap_or(16),
            jwt_secret: from.secret("JWT_SECRET", "at least 32 bytes", 32),
            jwt_secret_previous: from.secret("JWT_SECRET_PREVIOUS", "at least 32 bytes", 32),
            access_token_life: TimeDelta::minutes(from.number("ACCESS_TOKEN_MINUTES", "a number of minutes from 1 to 1440", 1..=1440, 15)),
            refresh_token_life: TimeDelta::days(from.number("REFRESH_TOKEN_DAYS", "a number of days from 1 to 365", 1..=365, 7)),
            admin_username: from.text("ADMIN_USERNAME").unwrap_or("admin").to_owned(),
            admin_password: from.secret("ADMIN_PASSWORD", "at least 10 characters", 10),
            policy: Arc::new(policy),
            billing_time: from.parsed(
                "BILLING_TIME",
                "a time of day, such as 02:00, or off",
                billing_time,
                NaiveTime::from_hms_opt(2, 0, 0),
            ),
            public_url: from.parsed("PUBLIC_URL", "a URL, such as https://crm.example.com", |text| web_origin(text).map(Some), None),
            trusted_proxies: from.listed("TRUSTED_PROXIES", "addresses or networks, such as 10.0.0.0/8, separated by commas", network),
            cors_allowed_origins: from.listed(
                "CORS_ALLOWED_ORIGINS",
                "origins, such as https://crm.example.com, separated by commas",
                web_origin,
            ),
            log_format: from.parsed("LOG_FORMAT", "text or json", |text| text.parse().ok(), LogFormat::Text),
            log_filter: from.parsed(
                "LOG_LEVEL",
                "error, warn, info, debug, trace or off, also by part, such as warn,access=info",
                log_filter,
                "info".to_owned(),
            ),
            workers: usize::try_from(from.number("WORKERS", "a number from 1 to 256", 1..=256, i64::try_from(cores).unwrap_or(2)))
                .unwrap_or(2),
            sign_ins_per_minute: from.parsed(
                "SIGN_INS_PER_MINUTE",
                "a number from 1",
                |text| text.parse().ok(),
                NonZeroU32::MIN.saturating_add(29),
            ),
            gateways: gateways::gateways(&mut from),
            terminal: gateways::terminal(&mut from),
            files_at,
            telling,
            body_seconds: from.number("BODY_SECONDS", "a number of seconds from 1 to 300", 1..=300, 15).unsigned_abs(),
            shutdown_seconds: from.number("SHUTDOWN_SECONDS", "a number of seconds from 0 to 300", 0..=300, 30).unsigned_abs(),
        };
        if settings.jwt_secret.is_none() && !settings.bind.ip().is_loopback() && !from.wrong.iter().any(|wrong| wrong.name == "JWT_SECRET")
        {
            from.wrong.push(WrongSetting { name: "JWT_SECRET", expected: "at least 32 bytes, because BIND is not a loopback address" });
        }
        if from.wrong.is_empty() { Ok(settings) } else { Err(from.wrong) }
    }
}

/// A folder, beside the database unless told otherwise, or a bucket with what it takes to get at it.
fn files_at(from: &mut Reader<'_>, database_url: &DatabaseUrl) -> FilesAt {
    let beside = || FilesAt::Folder(database_url.folder().join("attachments"));
    let endpoint = from.parsed("ATTACHMENTS_S3_ENDPOINT", "a URL, such as https://s3.example.com", |text| web_origin(text).map(Some), None);
    let region = from.parsed("ATTACHMENTS_S3_REGION", "a region, such as us-east-1", region, "us-east-1".to_owned());
    let key_id = from.secret("ATTACHMENTS_S3_KEY_ID", "at least 3 characters", 3);
    let secret_key = from.secret("ATTACHMENTS_S3_SECRET_KEY", "at least 8 characters", 8);
    let known = |name: &str| from.wrong.iter().any(|wrong| wrong.name == name);
    let missing = [("ATTACHMENTS_S3_KEY_ID", key_id.is_none()), ("ATTACHMENTS_S3_SECRET_KEY", secret_key.is_none())]
        .into_iter()
        .filter(|(name, missing)| *missing && !known(name))
        .map(|(name, _)| WrongSetting { name, expected: "the key to the bucket, because ATTACHMENTS_URL is one of s3://" });
    let missing: Vec<WrongSetting> = missing.collect();
    let parse = |text: &str| match text.split_once("://") {
        Some(("file", path)) if !path.is_empty() => Some(FilesAt::Folder(path.into())),
        Some(("s3", place)) => {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            let plain = bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
            let (bucket, prefix) = (bucket.to_owned(), prefix.trim_matches('/').to_owned());
            let (endpoint, region) = (endpoint.clone(), region.clone());
            let s3 = S3 { bucket, prefix, endpoint, region, key_id: key_id.clone(), secret_key: secret_key.clone() };
            (plain && (3..=63).contains(&s3.bucket.len())).then_some(FilesAt::S3(s3))
        }
        _ => None,
    };
    let files_at = from.parsed("ATTACHMENTS_URL", "file://path/to/folder or s3://bucket/prefix", parse, beside());
    if matches!(files_at, FilesAt::S3(_)) {
        from.wrong.extend(missing);
    }
    files_at
}

fn region(text: &str) -> Option<String> {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-').then(|| text.to_owned())
}

/// The variables of a file; none where there is no file.
fn from_file(path: &Path) -> Result<BTreeMap<String, String>, WrongSetting> {
    let wrong = |_| WrongSetting { name: ".env", expected: "a file of lines NAME=value" };
    match dotenvy::from_path_iter(path) {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(wrong),
        Err(dotenvy::Error::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(wrong(error)),
    }
}

/// Checked here, because the logger takes a level that it does not know for a part of the program, and falls silent.
fn log_filter(text: &str) -> Option<String> {
    let level = |word: &str| word.parse::<log::LevelFilter>().is_ok();
    let right = |item: &str| item.split_once('=').map_or_else(|| level(item), |(part, word)| !part.is_empty() && level(word));
    text.split(',').all(|item| right(item.trim())).then(|| text.to_owned())
}

/// A time of day as a clock shows it, or `off`.
fn billing_time(text: &str) -> Option<Option<NaiveTime>> {
    match text {
        "off" => Some(None),
        text => NaiveTime::parse_from_str(text, "%H:%M").ok().filter(|time| time.format("%H:%M").to_string() == text).map(Some),
    }
}

fn parse_text<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A date as it is written here, and not as chrono would also read it.
fn date(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|date: &NaiveDate| date.to_string() == text)
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A scheme and a host, without a path.
fn web_origin(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':' | '[' | ']');
    (!host.is_empty() && host.chars().all(plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn read(pairs: &[(&str, &str)]) -> Result<Settings, Vec<WrongSetting>> {
        Settings::read(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.bind.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.policy.time_zone, Tz::Europe__Moscow);
    }

    #[test]
    fn every_wrong_variable_is_named_and_no_value_shown() {
        let wrong = read(&[
            ("BIND", "nonsense"),
            ("COUNTRY", "us"),
            ("JWT_SECRET", "short-secret"),
            ("DATABASE_URL", "mysql://x"),
            ("TIMEZONE", "Mars"),
        ])
        .unwrap_err();
        let names: Vec<&str> = wrong.iter().map(|wrong| wrong.name).collect();
        assert_eq!(names, ["BIND", "DATABASE_URL", "COUNTRY", "TIMEZONE", "JWT_SECRET"]);
        assert!(wrong.iter().all(|wrong| !wrong.to_string().contains("short-secret")));
    }

    #[test]
    fn a_public_bind_needs_a_secret() {
        assert_eq!(read(&[("BIND", "0.0.0.0:8000")]).unwrap_err()[0].name, "JWT_SECRET");
        assert!(read(&[("BIND", "0.0.0.0:8000"), ("JWT_SECRET", &"x".repeat(32))]).is_ok());
    }

    #[test]
    fn a_log_level_is_a_word_the_logger_knows() {
        assert!(["info", "OFF", "warn,access=info", "warn, sqlx=off"].iter().all(|level| read(&[("LOG_LEVEL", level)]).is_ok()));
        assert!(
            ["verbose", "warn,", "access=loud", "=info", "info=access=warn"].iter().all(|level| read(&[("LOG_LEVEL", level)]).is_err())
        );
    }

    #[test]
    fn files_are_beside_the_database_in_a_folder_or_in_a_bucket_with_its_keys() {
        let folder = |pairs: &[(&str, &str)]| match read(pairs).unwrap().files_at {
            FilesAt::Folder(folder) => folder.display().to_string(),
            FilesAt::S3(s3) => format!("{} {} {}", s3.bucket, s3.prefix, s3.region),
        };
        assert_eq!(folder(&[]), "./data/attachments");
        assert_eq!(folder(&[("DATABASE_URL", "sqlite:///srv/crm/crm.db")]), "/srv/crm/attachments");
        assert_eq!(folder(&[("ATTACHMENTS_URL", "file:///srv/files")]), "/srv/files");
        let keys = [("ATTACHMENTS_S3_KEY_ID", "crm"), ("ATTACHMENTS_S3_SECRET_KEY", "long enough")];
        assert_eq!(folder(&[&[("ATTACHMENTS_URL", "s3://crm-files/tickets/")][..], &keys].concat()), "crm-files tickets us-east-1");
        let missing = read(&[("ATTACHMENTS_URL", "s3://crm-files")]).unwrap_err();
        assert_eq!(missing.iter().map(|wrong| wrong.name).collect::<Vec<_>>(), ["ATTACHMENTS_S3_KEY_ID", "ATTACHMENTS_S3_SECRET_KEY"]);
        for wrong in ["s3://", "s3://A_B", "/srv/files", "file://", "ftp://files"] {
            assert_eq!(read(&[&[("ATTACHMENTS_URL", wrong)][..], &keys].concat()).unwrap_err()[0].name, "ATTACHMENTS_URL", "{wrong}");
        }
    }

    #[test]
    fn the_daily_run_has_a_time_or_is_off() {
        let time = |text: &str| read(&[("BILLING_TIME", text)]).map(|settings| settings.billing_time).ok();
        let at = |hour, minute| Some(NaiveTime::from_hms_opt(hour, minute, 0));
        assert_eq!((time(""), time("off"), time("00:30"), time("23:59")), (at(2, 0), Some(None), at(0, 30), at(23, 59)));
        for wrong in ["2:00", "24:00", "02:60", "02:00:00", "2 am", "never"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_debugged() {
        let settings =
            read(&[("JWT_SECRET", &"visible-secret".repeat(4)), ("DATABASE_URL", "postgres://user:hunter2@localhost/crm")]).unwrap();
        let text = format!("{settings:?}");
        assert!(!text.contains("visible-secret") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_country_decides_the_time_zone_unless_it_is_set() {
        assert_eq!(read(&[("COUNTRY", "kg")]).unwrap().policy.time_zone, Tz::Asia__Bishkek);
        assert_eq!(read(&[("COUNTRY", "kg"), ("TIMEZONE", "Asia/Almaty")]).unwrap().policy.time_zone, Tz::Asia__Almaty);
    }
}
