//! Takes from Swagger UI the files that its page loads; all of them together would be a third of the program.

use std::{env, error::Error, fs, path::PathBuf, sync::Arc};

use utoipa_swagger_ui::{Config, serve};

/// The files of Swagger UI that the page loads, beside its own.
const LOADED: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

#[allow(clippy::disallowed_methods, reason = "cargo tells its build scripts by variables; it is no setting")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    for name in LOADED {
        let file = serve(name, Arc::new(Config::default()))?.ok_or_else(|| format!("Swagger UI has no {name}"))?;
        fs::write(folder.join(name), file.bytes)?;
    }
    Ok(())
}
