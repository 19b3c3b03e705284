//! How a name or a value can be disguised, each by each.

use super::{OTHER, OWN};

/// In what a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// As it is: a header field.
    Raw,
    /// Percent-encoded: paths, queries, forms.
    Encoded,
}

/// Where a disguised parameter stands beside the right one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Alone,
    Before,
    After,
}

const ORDERS: [Order; 3] = [Order::Alone, Order::Before, Order::After];

/// Parameters of a query or form.
pub(super) struct Pairs {
    pub(super) text: String,
    pub(super) order: Order,
}

/// The other customer, or both, as text that someone may read so.
fn texts() -> Vec<String> {
    let mut texts = vec![
        OTHER.to_owned(),
        OTHER.to_lowercase(),
        format!("{OTHER} "),
        format!(" {OTHER}"),
        format!("{OTHER}\0"),
        format!("{OWN}\0{OTHER}"),
        format!("\u{feff}{OTHER}"),
        // Fullwidth, another hyphen, Cyrillic, invisible.
        OTHER.replace('C', "\u{ff23}"),
        OTHER.replace('-', "\u{2011}"),
        OTHER.replace('C', "\u{421}"),
        OTHER.replace('-', "\u{200b}-"),
    ];
    for between in [",", ", ", "|", ";", "\n", "\t", "&customer="] {
        texts.push(format!("{OWN}{between}{OTHER}"));
        texts.push(format!("{OTHER}{between}{OWN}"));
    }
    texts
}

/// Every value.
pub(super) fn values(text: Text) -> Vec<String> {
    match text {
        // What ends a line would begin another field, which is that field's affair.
        Text::Raw => texts()
            .into_iter()
            .filter(|it| !it.contains('\n'))
            .collect(),
        Text::Encoded => {
            let encoded = texts().iter().map(|it| encoded(it)).collect::<Vec<_>>();
            let all = all_encoded(OTHER);
            let twice = all.replace('%', "%25");
            let thrice = twice.replace('%', "%25");
            let lower = all.to_lowercase();
            [
                encoded,
                vec![all, lower, twice, thrice, "%u0043-332".to_owned()],
            ]
            .concat()
        }
    }
}

/// Names that someone may take for `customer`.
fn names() -> Vec<String> {
    let name = "customer";
    let mut names = vec![
        name.to_owned(),
        "Customer".to_owned(),
        "CUSTOMER".to_owned(),
        "%63ustomer".to_owned(),
        "%2563ustomer".to_owned(),
        encoded("cu\u{17f}tomer"),
        "%EF%BB%BFcustomer".to_owned(),
        "%E2%80%8Bcustomer".to_owned(),
    ];
    for end in [
        "%00", "%20", "+", "[]", "%5B%5D", "[0]", "[id]", ".id", "%5Bid", "[$eq]", "%2500",
    ] {
        names.push(format!("{name}{end}"));
    }
    names.push(format!("%20{name}"));
    names.push(format!("+{name}"));
    names
}

/// Every name by every value by every order.
pub(super) fn pairs() -> Vec<Pairs> {
    let mut pairs = Vec::new();
    let own = format!("customer={OWN}");
    for name in names() {
        for value in values(Text::Encoded) {
            let odd = format!("{name}={value}");
            pairs.extend(ORDERS.map(|order| Pairs {
                text: ordered(&own, &odd, "&", order),
                order,
            }));
        }
    }
    // Parted as old servers do.
    for (first, second) in [(OWN, OTHER), (OTHER, OWN)] {
        let text = format!("customer={first};customer={second}");
        pairs.push(Pairs {
            text,
            order: Order::After,
        });
    }
    pairs
}

/// Members of JSON.
pub(super) fn members() -> Vec<String> {
    members_named("customer")
}

/// Every name that someone may take for this one by every value by every order.
pub(super) fn members_named(name: &str) -> Vec<String> {
    let first = name.get(..1).unwrap_or_default();
    let escaped: Vec<String> = name.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let names = [
        name.to_owned(),
        name.to_uppercase(),
        name.replacen(first, &first.to_uppercase(), 1),
        name.replace('s', "\u{17f}"),
        escaped.concat(),
        format!("{name} "),
        format!(" {name}"),
        format!("{name}\\u0000"),
        format!("\u{feff}{name}"),
        format!("\\ufeff{name}"),
    ];
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    let mut values: Vec<String> = texts().iter().map(quoted).collect();
    values.extend([
        "\"\\u0043\\u002d332\"".to_owned(),
        format!("[\"{OTHER}\"]"),
        format!("[\"{OWN}\",\"{OTHER}\"]"),
        format!("{{\"id\":\"{OTHER}\"}}"),
        format!("{{\"$ne\":\"{OWN}\",\"id\":\"{OTHER}\"}}"),
        format!("[[\"{OTHER}\"]]"),
    ]);
    let own = format!("\"{name}\":\"{OWN}\"");
    let mut members = Vec::new();
    for name in &names {
        for value in &values {
            let odd = format!("\"{name}\":{value}");
            members.extend(ORDERS.map(|order| ordered(&own, &odd, ",", order)));
        }
    }
    members
}

/// Literals of GraphQL.
pub(super) fn literals() -> Vec<String> {
    let mut literals = vec![
        format!("\"{OTHER}\""),
        "\"\\u0043-332\"".to_owned(),
        format!("\"\"\"{OTHER}\"\"\""),
        format!("\"\"\"\n  {OTHER}\n\"\"\""),
        format!("[\"{OTHER}\"]"),
        format!("[\"{OWN}\", \"{OTHER}\"]"),
        format!("{{ id: \"{OTHER}\" }}"),
    ];
    let plain = texts()
        .into_iter()
        .filter(|it| !it.contains(['\n', '\0', '\t']));
    literals.extend(plain.map(|text| format!("\"{text}\"")));
    literals
}

fn ordered(own: &str, odd: &str, between: &str, order: Order) -> String {
    match order {
        Order::Alone => odd.to_owned(),
        Order::Before => format!("{odd}{between}{own}"),
        Order::After => format!("{own}{between}{odd}"),
    }
}

/// With what a query cannot hold as it is encoded.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let byte = |b: u8| {
        if plain(b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

/// With everything encoded.
fn all_encoded(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|b| format!("%{b:02X}")).collect();
    bytes.concat()
}
