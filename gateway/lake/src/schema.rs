//! The columns of each class, in the language of Parquet's own schemas.
//!
//! Numbers are as wide as OCSF has them (`integer_t`, `long_t`); times are milliseconds since 1970 (`timestamp_t`).
//! Only what OCSF requires of every event is required here.

use parquet::{
    basic::LogicalType,
    schema::{parser::parse_message_type, types::Type},
};
use serde_json::Value;

use crate::LakeError;

/// The column that has the whole event.
pub(crate) const WHOLE: &str = "raw_data";

/// What has no column of its own, and stands in [`WHOLE`].
const WITHOUT_COLUMN: [&str; 1] = ["unmapped"];

/// What every event has.
const BASE: &str = "
    required int32 activity_id;
    optional binary activity_name (STRING);
    required int32 category_uid;
    required int32 class_uid;
    required int64 type_uid;
    required int64 time;
    required int32 severity_id;
    optional int32 status_id;
    optional binary status_code (STRING);
    optional group metadata {
        optional binary version (STRING);
        optional binary uid (STRING);
        optional binary log_name (STRING);
        optional int64 sequence;
        optional group profiles (LIST) { repeated group list { optional binary element (STRING); } }
        optional group product { optional binary name (STRING); optional binary vendor_name (STRING); }
    }
    required binary raw_data (STRING);
";

/// The profile `security_control`.
const CONTROL: &str = "
    optional int32 action_id;
    optional int32 disposition_id;
    optional boolean is_alert;
    optional group policy {
        optional binary uid (STRING);
        optional binary version (STRING);
        optional boolean is_applied;
        optional binary desc (STRING);
    }
";

const PROCESS: &str = "
    optional int32 pid;
    optional binary name (STRING);
    optional group file {
        optional binary name (STRING);
        optional binary path (STRING);
        optional int32 type_id;
        optional group hashes (LIST) { repeated group list { optional group element {
            optional int32 algorithm_id;
            optional binary value (STRING);
        } } }
    }
    optional group user { optional binary uid (STRING); }
";

const ENDPOINT: &str = "
    optional binary name (STRING);
    optional binary instance_uid (STRING);
    optional binary svc_name (STRING);
    optional binary ip (STRING);
    optional int32 port;
    optional binary hostname (STRING);
";

const FINDING: &str = "
    optional group finding_info {
        optional binary title (STRING);
        optional binary uid (STRING);
        optional group types (LIST) { repeated group list { optional binary element (STRING); } }
    }
";

const ENTITY: &str = "optional binary uid (STRING); optional binary type (STRING);";

fn actor() -> String {
    format!(
        "optional group actor {{
            optional binary app_name (STRING);
            optional binary app_uid (STRING);
            optional group session {{ optional binary uid (STRING); optional binary issuer (STRING); }}
            optional group process {{ {PROCESS} }}
            optional group user {{ optional binary uid (STRING); optional binary name (STRING); }}
        }}"
    )
}

fn process_activity() -> String {
    format!(
        "{}
        optional group device {{ optional int32 type_id; optional binary name (STRING); }}
        optional group process {{
            {PROCESS}
            optional group parent_process {{ optional int32 pid; }}
            optional group ancestry (LIST) {{ repeated group list {{ optional group element {{
                optional int32 pid;
                optional binary name (STRING);
            }} }} }}
        }}
        optional int32 exit_code;",
        actor()
    )
}

fn api_activity() -> String {
    format!(
        "{CONTROL} {}
        optional group api {{
            optional binary operation (STRING);
            optional group request {{ optional binary uid (STRING); }}
            optional group service {{ optional binary name (STRING); }}
            optional group response {{ optional int32 code; }}
        }}
        optional group src_endpoint {{ {ENDPOINT} }}
        optional group dst_endpoint {{ {ENDPOINT} }}
        optional group resources (LIST) {{ repeated group list {{ optional group element {{
            optional binary name (STRING);
            optional binary type (STRING);
        }} }} }}
        optional group trace {{ optional binary uid (STRING); }}
        optional int64 duration;
        optional int64 start_time;
        optional int64 end_time;",
        actor()
    )
}

fn network_activity() -> String {
    format!(
        "{CONTROL}
        optional binary app_name (STRING);
        optional group src_endpoint {{ {ENDPOINT} }}
        optional group dst_endpoint {{ {ENDPOINT} }}
        optional group connection_info {{
            optional int32 direction_id;
            optional binary protocol_name (STRING);
        }}"
    )
}

fn detection_finding() -> String {
    format!(
        "{CONTROL} {FINDING}
        optional group evidences (LIST) {{ repeated group list {{ optional group element {{ {} }} }} }}
        optional int32 count;",
        actor()
    )
}

fn data_security_finding() -> String {
    format!(
        "{CONTROL} {FINDING} {}
        optional group data_security {{
            optional int32 category_id;
            optional int32 data_lifecycle_state_id;
            optional int32 detection_system_id;
        }}",
        actor()
    )
}

fn entity_management() -> String {
    format!(
        "{}
        optional group entity {{ {ENTITY} }}
        optional group entity_result {{ {ENTITY} }}
        optional binary comment (STRING);",
        actor()
    )
}

fn application_lifecycle() -> String {
    "optional group app {
        optional binary name (STRING);
        optional binary vendor_name (STRING);
        optional binary version (STRING);
    }"
    .to_owned()
}

/// The schema of a class.
pub(crate) fn of(class: u32) -> Result<Type, LakeError> {
    let own = match class {
        1007 => process_activity(),
        2004 => detection_finding(),
        2006 => data_security_finding(),
        3004 => entity_management(),
        4001 => network_activity(),
        6002 => application_lifecycle(),
        6003 => api_activity(),
        _ => return Err(LakeError::Class(class)),
    };
    Ok(parse_message_type(&format!(
        "message event {{ {BASE} {own} }}"
    ))?)
}

/// The attributes of an event of this class that have no column, by their paths; what is meant to have none aside.
///
/// # Errors
/// If the class has no columns at all.
pub fn uncovered(class: u32, event: &Value) -> Result<Vec<String>, LakeError> {
    let schema = of(class)?;
    let mut missing = Vec::new();
    for (name, value) in event.as_object().into_iter().flatten() {
        if !WITHOUT_COLUMN.contains(&name.as_str()) {
            look(&schema, name, value, name, &mut missing);
        }
    }
    Ok(missing)
}

/// Notes what of `value` has no place below the member `name` of a group.
fn look(group: &Type, name: &str, value: &Value, path: &str, missing: &mut Vec<String>) {
    let Some(node) = member(group, name) else {
        missing.push(path.to_owned());
        return;
    };
    if node.is_primitive() {
        if !fits(node, value) {
            missing.push(path.to_owned());
        }
        return;
    }
    match (element(node), value) {
        (Some(item), Value::Array(values)) => {
            for value in values {
                within(item, value, path, missing);
            }
        }
        (None, Value::Object(_)) => within(node, value, path, missing),
        _ => missing.push(path.to_owned()),
    }
}

fn within(node: &Type, value: &Value, path: &str, missing: &mut Vec<String>) {
    match value {
        Value::Object(members) if node.is_group() => {
            for (name, value) in members {
                look(node, name, value, &format!("{path}.{name}"), missing);
            }
        }
        value if node.is_primitive() && fits(node, value) => {}
        _ => missing.push(path.to_owned()),
    }
}

fn member<'t>(group: &'t Type, name: &str) -> Option<&'t Type> {
    let mut fields = group.is_group().then(|| group.get_fields())?.iter();
    fields.find(|field| field.name() == name).map(|it| &**it)
}

/// What a list holds; none if it is no list (`LogicalTypes.md`, "Lists": a group, in it a repeated one, in it the element).
pub(crate) fn element(node: &Type) -> Option<&Type> {
    let is_list = matches!(
        node.get_basic_info().logical_type_ref(),
        Some(LogicalType::List)
    );
    let repeated = node.is_group().then(|| node.get_fields())?.first()?;
    is_list.then_some(())?;
    repeated.get_fields().first().map(|it| &**it)
}

fn fits(node: &Type, value: &Value) -> bool {
    crate::columns::Cell::of(node.get_physical_type(), value).is_some()
}
