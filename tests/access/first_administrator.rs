//! The initial content of an empty database.

use futures_util::future::join;
use server::{assembly, settings::Settings};

use super::{everything_in, login};
use crate::harness::{App, PASSWORD, TestDatabase, cheap, scenario};

fn settings(database: &TestDatabase, changes: &[(&str, &str)]) -> Settings {
    let mut variables = database.variables();
    variables.remove("ADMIN_PASSWORD");
    variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Settings::read(&variables).unwrap()
}

#[scenario]
async fn the_first_administrator_has_a_random_password_that_is_told_once(app: &App) {
    let database = TestDatabase::empty(app.database.engine).unwrap();
    let open = async || assembly::open(settings(&database, &[]), app.clock.clone(), cheap()).await.unwrap();
    let opened = open().await;
    let made = opened.first_admin.unwrap();
    let password = made.generated_password.unwrap();
    assert_eq!(made.username, "admin");
    assert!(password.reveal().len() >= 20 && !format!("{password:?}").contains(password.reveal()));
    opened.state.db.close().await;
    let again = open().await;
    assert!(again.first_admin.is_none());
    again.state.db.close().await;

    let (server, stop) =
        App::start(database.clone(), settings(&database, &[("ADMIN_PASSWORD", PASSWORD)]), app.clock.clone())
            .await;
    for guess in ["admin", "password", "admin123", PASSWORD] {
        login(&server, "admin", guess).await.refused(401, "sign_in_failed");
    }
    login(&server, "admin", password.reveal()).await.expect(200);
    assert_eq!(server.count("users").await, 1);
    assert_eq!(server.scalar("SELECT COUNT(*) FROM audit WHERE action = 'user.created'").await, 1);
    let trail = everything_in(&server, &["audit"]).await;
    assert!(!trail.contains(password.reveal()));
    stop.stop(false).await;
    server.state.db.close().await;
    database.remove().await;
}

#[scenario]
async fn two_servers_that_start_at_once_on_an_empty_database_make_one_administrator(app: &App) {
    let database = TestDatabase::empty(app.database.engine).unwrap();
    let open = || assembly::open(settings(&database, &[]), app.clock.clone(), cheap());
    let (one, other) = join(open(), open()).await;
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.first_admin.is_some(), other.first_admin.is_some());
    let count = async |table: &str| {
        let sql = database::Sql::owned(format!("SELECT COUNT(*) FROM {table}"));
        one.state.db.read(&app.context(), async |conn| sql.clone().scalar::<i64>(conn).await).await.unwrap()
    };
    assert_eq!((count("users").await, count("roles").await), (1, 4));
    one.state.db.close().await;
    other.state.db.close().await;
    database.remove().await;
}

#[scenario]
async fn a_given_name_and_password_are_taken_if_they_are_fit(app: &App) {
    let database = TestDatabase::empty(app.database.engine).unwrap();
    for (username, password) in
        [("root", "password12"), ("rootrootroot", "rootrootroot"), ("не имя", PASSWORD)]
    {
        let changes = [("ADMIN_PASSWORD", password), ("ADMIN_USERNAME", username)];
        let refused = assembly::open(settings(&database, &changes), app.clock.clone(), cheap()).await;
        let refusal = refused.err().unwrap().to_string();
        assert!(!refusal.contains(password), "{refusal}");
    }
    let fit = settings(&database, &[("ADMIN_PASSWORD", PASSWORD), ("ADMIN_USERNAME", "root")]);
    let opened = assembly::open(fit, app.clock.clone(), cheap()).await.unwrap();
    let made = opened.first_admin.unwrap();
    assert!(made.username == "root" && made.generated_password.is_none());
    opened.state.db.close().await;
    database.remove().await;
}
