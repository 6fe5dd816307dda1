//! The page of Swagger UI, with the files that it loads and no others.

use actix_web::{HttpResponse, http::header, web::Path};
use kernel::error::common;

use crate::problem::Refused;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files of the page: name, media type and content.
const FILES: [(&str, &str, &[u8]); 4] = [
    ("", HTML, include_bytes!("../swagger/index.html")),
    ("page.js", SCRIPT, include_bytes!("../swagger/page.js")),
    ("swagger-ui.css", CSS, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css"))),
    ("swagger-ui-bundle.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js"))),
];

/// Responds with a file of the page.
pub async fn file(name: Path<String>) -> Result<HttpResponse, Refused> {
    let name = if name.as_str() == "index.html" { "" } else { name.as_str() };
    let (_, media_type, content) = FILES.into_iter().find(|(file, ..)| *file == name).ok_or(common::NO_SUCH_PATH)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, media_type)).body(content))
}
