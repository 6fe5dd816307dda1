//! `telecom-crm settings`: the settings in force, and where each comes from.

use std::sync::Arc;

use database::record;
use kernel::{Actor, Clock, Context, Origin};
use rehearsal::print;
use schema::SCHEMA;

use crate::{
    assembly,
    failure::Failure,
    settings::Settings,
    variables::{FILE, Source, Variables, read_by_the_program},
};

/// Prints every setting with its source, and then what the database was made for. Errors when there is no database.
pub async fn run(settings: &Settings, variables: &Variables) -> Result<(), Failure> {
    let rows: Vec<[String; 3]> = read_by_the_program().map(|(name, default)| row(settings, variables, name, default)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (names, values) = (width(0), width(1));
    for [name, value, source] in &rows {
        print(format_args!("{name:names$}  {value:values$}  {source}"))?;
    }
    let db = assembly::connect(settings).await?;
    SCHEMA.must_be_there(&db, &settings.database_url).await?;
    SCHEMA.must_be_current(&db, &settings.database_url).await?;
    let origin = Origin { request_id: "settings".into(), ..Origin::default() };
    let context = Context { now: Clock::System.now(), policy: settings.policy.clone(), origin, actor: Actor::system("settings") };
    let recorded = db.read(&Arc::new(context), async |conn| record::find(conn).await).await?;
    db.close().await;
    let Some(recorded) = recorded else {
        print("The database has no settings of record yet; the next start records them.")?;
        return Ok(());
    };
    print(format_args!("The database was made for {recorded}."))?;
    Ok(recorded.must_allow(&record::SettingsOfRecord::of(&settings.policy))?)
}

fn row(settings: &Settings, variables: &Variables, name: &str, default: &str) -> [String; 3] {
    let (value, source) = match variables.source(name) {
        Some(Source::Environment) => (shown(variables, name), "environment".to_owned()),
        Some(Source::Line(line)) => (shown(variables, name), format!("{FILE}, line {line}")),
        None => (by_default(settings, name, default), "default".to_owned()),
    };
    [name.to_owned(), value, source]
}

/// A value that was set, without what is secret in it.
fn shown(variables: &Variables, name: &str) -> String {
    let value = variables.values().get(name).map(|value| value.trim()).unwrap_or_default();
    if is_secret(name) { "(set)".to_owned() } else { without_password(value) }
}

fn is_secret(name: &str) -> bool {
    let name = name.trim_end_matches("_PREVIOUS");
    // the value of TERMINALS has the keys of the networks
    name == "TERMINALS" || ["SECRET", "PASSWORD", "KEY", "KEY_ID"].iter().any(|end| name.ends_with(end))
}

/// A URL without the user's password and without its parameters, which may be keys.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let (place, parameters) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?…"));
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:…@{host}"),
            None => format!("{user}@{host}"),
        },
        None => place.to_owned(),
    };
    format!("{scheme}://{place}{parameters}")
}

/// The default; where it depends on the machine or on other settings, what follows from them.
fn by_default(settings: &Settings, name: &str, default: &str) -> String {
    match name {
        "WORKERS" => settings.http.workers.to_string(),
        "TIMEZONE" => settings.policy.time_zone.name().to_owned(),
        "ATTACHMENTS_URL" => format!("file://{}", settings.database_url.folder().join("attachments").display()),
        "JWT_SECRET" => format!("(generated, in {})", settings.database_url.folder().join("jwt.secret").display()),
        _ if default.is_empty() => "–".to_owned(),
        _ => default.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        for (value, shown) in [
            ("postgres://crm:hunter2@db/crm?sslmode=disable", "postgres://crm:…@db/crm?…"),
            ("smtp://user@host:pa@ss@mail:587", "smtp://user@host:…@mail:587"),
            ("https://sms.example.com/send?key=hunter2", "https://sms.example.com/send?…"),
            ("sqlite://./data/crm.db", "sqlite://./data/crm.db"),
            ("Telecom <noreply@example.com>", "Telecom <noreply@example.com>"),
        ] {
            assert_eq!(without_password(value), shown);
        }
        for name in ["JWT_SECRET", "JWT_SECRET_PREVIOUS", "ADMIN_PASSWORD", "TERMINAL_KEY", "TERMINALS", "ATTACHMENTS_S3_KEY_ID", "SMS_KEY"]
        {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("COUNTRY") && !is_secret("ACCESS_TOKEN_MINUTES"));
    }
}
