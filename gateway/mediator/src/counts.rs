//! How many rows there are of each kind, where no kind is told that few are of.
//!
//! A group of fewer than k individuals is not told (k-anonymity, Sweeney 2002). Who knows the total could
//! subtract what is told and have what is not, so that where something is left out, at least two groups
//! are, and together at least k individuals (complementary suppression, Cox 1980): the smallest of the
//! others go with them. How many are left out is not told either.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{Field, Unmediated};

/// The least k: one alone hides nobody.
pub const K_MIN: u64 = 2;

/// The most groups that an answer tells apart.
pub const GROUPS_MAX: usize = 1_000;

/// The longest text by which a group is told, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// What rows of one group have in common.
    pub by: Vec<Field>,
    /// What tells individuals apart, of whom one may have several rows; without it each row is one.
    pub individual: Option<Field>,
    /// The fewest individuals of a group that is told.
    pub k: u64,
}

/// One group.
#[derive(Debug, Default)]
struct Group {
    rows: u64,
    /// Who is in it, where rows say so.
    individuals: BTreeSet<String>,
}

impl Counts {
    /// The answer, and whether groups were left out.
    pub(crate) fn of(&self, rows: &[Value]) -> Result<(Value, bool), Unmediated> {
        let groups = self.groups(rows)?;
        let suppressed = self.suppressed(&groups);
        let told = groups
            .iter()
            .enumerate()
            .filter(|(position, _)| !suppressed.contains(position))
            .map(|(_, (key, group))| self.told(key, group));
        let told: Vec<Value> = told.collect();
        let is_part = !suppressed.is_empty();
        Ok((json!({ "counts": told, "suppressed": is_part }), is_part))
    }

    fn groups(&self, rows: &[Value]) -> Result<Vec<(Vec<Value>, Group)>, Unmediated> {
        // By their JSON, since values have no order.
        let mut groups: BTreeMap<String, (Vec<Value>, Group)> = BTreeMap::new();
        for row in rows {
            let key = self.by.iter().map(|field| key(field.find(row)));
            let key = key.collect::<Result<Vec<Value>, _>>()?;
            let name = Value::from(key.clone()).to_string();
            if groups.len() >= GROUPS_MAX && !groups.contains_key(&name) {
                return Err(Unmediated::TooManyGroups);
            }
            let (_, group) = groups.entry(name).or_insert((key, Group::default()));
            group.rows += 1;
            if let Some(individual) = &self.individual {
                // Who is not told apart is one: fewer individuals hide more.
                let who = individual.find(row).unwrap_or(&Value::Null);
                group.individuals.insert(who.to_string());
            }
        }
        Ok(groups.into_values().collect())
    }

    /// The positions of the groups that are left out.
    fn suppressed(&self, groups: &[(Vec<Value>, Group)]) -> BTreeSet<usize> {
        let mut by_size: Vec<usize> = (0..groups.len()).collect();
        let group = |position: usize| groups.get(position).map(|(_, group)| group);
        by_size.sort_by_key(|position| group(*position).map(|group| self.size(group)));
        let mut left_out = BTreeSet::new();
        for position in by_size {
            let Some(group) = group(position) else {
                continue;
            };
            let is_small = self.size(group) < self.k;
            let hides = left_out.len() >= 2 && self.together(groups, &left_out) >= self.k;
            if !is_small && (left_out.is_empty() || hides) {
                break;
            }
            left_out.insert(position);
        }
        left_out
    }

    /// How many individuals these groups have.
    fn together(&self, groups: &[(Vec<Value>, Group)], of: &BTreeSet<usize>) -> u64 {
        let groups = of.iter().filter_map(|position| groups.get(*position));
        let groups = groups.map(|(_, group)| group);
        if self.individual.is_none() {
            return groups.map(|group| group.rows).sum();
        }
        let all: BTreeSet<&String> = groups.flat_map(|group| &group.individuals).collect();
        all.len() as u64
    }

    fn size(&self, group: &Group) -> u64 {
        match self.individual {
            None => group.rows,
            Some(_) => group.individuals.len() as u64,
        }
    }

    fn told(&self, key: &[Value], group: &Group) -> Value {
        let names = self.by.iter().map(|field| field.name().to_owned());
        let mut told: Map<String, Value> = names.zip(key.iter().cloned()).collect();
        told.insert("count".to_owned(), self.size(group).into());
        Value::Object(told)
    }
}

/// What tells a group apart: one value, not long.
fn key(value: Option<&Value>) -> Result<Value, Unmediated> {
    match value {
        None => Ok(Value::Null),
        Some(Value::Array(_) | Value::Object(_)) => Err(Unmediated::Unparsable),
        Some(Value::String(text)) if text.len() > KEY_BYTES_MAX => Err(Unmediated::TooManyGroups),
        Some(value) => Ok(value.clone()),
    }
}
