use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::manifest::Manifest;

/// The JSON Schema (2020-12) of [`Manifest`], for other programs: it follows from the type.
///
/// Fields that manifests of version 0.1.0 may lack are not required.
pub fn manifest_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Manifest>().into()
}
