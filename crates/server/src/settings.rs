//! Settings from the environment and `.env`, combined from all features.

use std::{collections::BTreeMap, net::SocketAddr, str::FromStr, sync::Arc};

use ::gateways::settings::{self as gateways, GatewaySettings, TerminalSettings};
use ::notifications::settings::{self as notifications, NotificationSettings};
use acl::settings::{self as access, AccessSection};
use api::settings::{self as http, HttpSettings};
use chrono::NaiveTime;
use database::{DatabaseUrl, Pooling};
use files::FilesAt;
use kernel::{
    Policy,
    settings::{Reader, WrongSetting, on_or_off, parse_text},
};

/// All settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to serve on.
    pub bind: SocketAddr,
    /// The location of the database.
    pub database_url: DatabaseUrl,
    /// The maximum number of connections to PostgreSQL.
    pub database_pool_size: u32,
    /// What a pooler before PostgreSQL does.
    pub pooling: Pooling,
    /// The keys and lifetimes of tokens, and the first administrator.
    pub access: AccessSection,
    /// The operator's settings that business rules use.
    pub policy: Arc<Policy>,
    /// Whether this instance runs background jobs.
    pub jobs: bool,
    /// The local time at which the daily billing run begins; `None` switches it off.
    pub billing_time: Option<NaiveTime>,
    /// How requests are served.
    pub http: HttpSettings,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The log filter, in the syntax of `env_logger`.
    pub log_filter: String,
    /// Payment gateways.
    pub gateways: GatewaySettings,
    /// Self-service terminals.
    pub terminal: TerminalSettings,
    /// The location of attached files.
    pub files_at: FilesAt,
    /// How subscribers, staff and integrators are notified.
    pub notifications: NotificationSettings,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
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

impl Settings {
    /// Reads variables. Errors: every invalid setting.
    pub fn read(variables: &BTreeMap<String, String>) -> Result<Self, Vec<WrongSetting>> {
        let from = &mut Reader::new(variables);
        let bind = from.parsed("BIND", "an address and a port, such as 127.0.0.1:8000", parse_text, ([127, 0, 0, 1], 8000).into());
        let url = "sqlite://path/to/file or postgres://user:password@host/database";
        let database_url = from.parsed("DATABASE_URL", url, parse_text, DatabaseUrl::Sqlite("./data/crm.db".into()));
        let settings = Self {
            bind,
            database_pool_size: u32::try_from(from.number("DATABASE_POOL_SIZE", "a number from 2 to 500", 2..=500, 16)).unwrap_or(16),
            pooling: from.parsed("DATABASE_POOLER", "session or transaction", parse_text, Pooling::Session),
            policy: Policy::read(from).into(),
            access: access::read(from),
            jobs: from.parsed("JOBS", "on or off", on_or_off, true),
            billing_time: billing::jobs::read_billing_time(from),
            http: http::read(from),
            log_format: from.parsed("LOG_FORMAT", "text or json", parse_text, LogFormat::Text),
            log_filter: from.parsed(
                "LOG_LEVEL",
                "error, warn, info, debug, trace or off, also by part, such as warn,access=info",
                log_filter,
                "info".to_owned(),
            ),
            gateways: gateways::gateways(from),
            terminal: gateways::terminal(from),
            files_at: files::read_settings(from, database_url.folder()),
            notifications: notifications::read(from),
            database_url,
        };
        if settings.access.jwt_secret.is_none() && !settings.bind.ip().is_loopback() {
            from.refuse("JWT_SECRET", "at least 32 bytes, because BIND is not a loopback address");
        }
        match from.wrong() {
            [] => Ok(settings),
            wrong => Err(wrong.to_vec()),
        }
    }
}

/// Checks the filter, because the logger would take an unknown level for a module name and log nothing.
fn log_filter(text: &str) -> Option<String> {
    let level = |word: &str| word.parse::<log::LevelFilter>().is_ok();
    let right = |item: &str| item.split_once('=').map_or_else(|| level(item), |(part, word)| !part.is_empty() && level(word));
    text.split(',').all(|item| right(item.trim())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

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
        assert_eq!(read(&[("COUNTRY", "uz")]).unwrap().policy.time_zone, Tz::Asia__Tashkent);
        assert_eq!(read(&[("COUNTRY", "kg"), ("TIMEZONE", "Asia/Almaty")]).unwrap().policy.time_zone, Tz::Asia__Almaty);
    }
}
