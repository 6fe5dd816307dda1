//! The baseline for the real server: only actix-web and sqlx, with an equal statement and pool.
//!
//! `bare ADDRESS DATABASE_URL` serves; `bare sql` prints the statement.

use std::{io, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use sqlx::{ConnectOptions, PgPool, postgres::PgConnectOptions, postgres::PgPoolOptions};

async fn get_customer(pool: web::Data<PgPool>, id: web::Path<i64>) -> HttpResponse {
    let customer = sqlx::query_as::<_, customers::Customer>(customers::SELECT_ONE).bind(*id).fetch_optional(pool.get_ref()).await;
    match customer {
        Ok(Some(customer)) => HttpResponse::Ok().json(customer),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (address, url) = match (arguments.next(), arguments.next()) {
        (Some(address), Some(url)) => (address, url),
        (Some(word), None) if word == "sql" => {
            println!("{}", customers::SELECT_ONE);
            return Ok(());
        }
        _ => return Err(io::Error::other("usage: bare ADDRESS DATABASE_URL | bare sql")),
    };
    let options: PgConnectOptions = url.parse().map_err(io::Error::other)?;
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(3))
        .test_before_acquire(false)
        .connect_with(options.disable_statement_logging())
        .await
        .map_err(io::Error::other)?;
    let pool = web::Data::new(pool);
    HttpServer::new(move || App::new().app_data(pool.clone()).route("/customers/{id}", web::get().to(get_customer)))
        .workers(2)
        .bind(address)?
        .run()
        .await
}
