//! Reads typed values out of properties, and says what is wrong with a value that is none.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::properties::Property;

/// Why a configuration is refused: where, which key, which value, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// `zoo.cfg:3`, `-D`, or only a file's name.
    pub place: String,
    /// The key; empty if the trouble is not with one key.
    pub key: String,
    /// Its value; empty if there is none.
    pub value: String,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}={}: ", self.key, self.value)?;
        }
        write!(f, "{}; {}", self.why, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

/// The properties by key: of a key that comes twice, the later one.
pub(super) struct Reader {
    /// The file that was read, as messages name it.
    pub(super) file: String,
    map: BTreeMap<String, Property>,
}

impl Reader {
    /// No properties yet.
    pub(super) fn new(file: String) -> Reader {
        Reader { file, map: BTreeMap::new() }
    }

    /// Adds properties over earlier ones. `zookeeper.` before a key means nothing.
    pub(super) fn add(&mut self, properties: Vec<Property>) {
        for property in properties {
            let key = property.key.strip_prefix("zookeeper.").unwrap_or(&property.key);
            self.map.insert(key.to_string(), property);
        }
    }

    /// All keys without `zookeeper.`, in alphabetical order, and their properties.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.map.iter().map(|(key, property)| (key.as_str(), property))
    }

    /// The keys that begin with `prefix`, without it, and their properties.
    pub(super) fn family<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Property)> {
        self.all().filter_map(move |(key, property)| Some((key.strip_prefix(prefix)?, property)))
    }

    /// A text. An empty one counts as none.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.map.get(key).map(|p| p.value.as_str()).filter(|value| !value.is_empty())
    }

    /// A whole number in a range.
    pub(super) fn number(
        &self,
        key: &str,
        default: i64,
        range: RangeInclusive<i64>,
    ) -> Result<i64, ConfigError> {
        let Some(property) = self.map.get(key) else { return Ok(default) };
        let remedy = format!("write for example {key}={default}, the default");
        let Ok(number) = property.value.parse::<i64>() else {
            return Err(wrong(property, "not a whole number", &remedy));
        };
        if range.contains(&number) {
            return Ok(number);
        }
        let (low, high) = (range.start(), range.end());
        let why = match *high {
            i64::MAX => format!("must be at least {low}"),
            _ => format!("must be at least {low} and at most {high}"),
        };
        Err(wrong(property, &why, &remedy))
    }

    /// A length of time in milliseconds, as ZooKeeper keeps it: 31 bits.
    pub(super) fn millis(
        &self,
        key: &str,
        default: i64,
        at_least: i64,
    ) -> Result<Duration, ConfigError> {
        let number = self.number(key, default, at_least..=i64::from(i32::MAX))?;
        Ok(Duration::from_millis(number.unsigned_abs()))
    }

    /// A count, where zero and everything below mean "no limit" and come out as zero.
    pub(super) fn limit(&self, key: &str, default: i64) -> Result<u32, ConfigError> {
        let number = self.number(key, default, i64::from(i32::MIN)..=i64::from(i32::MAX))?;
        Ok(u32::try_from(number).unwrap_or(0))
    }

    /// A share such as `0.33`, in percent. Nothing, if it is negative.
    pub(super) fn percent(&self, key: &str, default: u32) -> Result<Option<u32>, ConfigError> {
        let Some(property) = self.map.get(key) else { return Ok(Some(default)) };
        match property.value.parse::<f64>() {
            Ok(share) if share < 0.0 => Ok(None),
            // The largest number there is counts as any larger one.
            Ok(share) if share.is_finite() => Ok(Some((share * 100.0) as u32)),
            _ => {
                let remedy = format!("write for example {key}={}", f64::from(default) / 100.0);
                Err(wrong(property, "not a number", &remedy))
            }
        }
    }

    /// `true` or `false`, in any case.
    ///
    /// Unlike ZooKeeper, this holds for its system properties too: there, all but `true` is false.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        self.either(key, default, "true", "false")
    }

    /// `yes` or `no`, in any case.
    ///
    /// Unlike ZooKeeper, any other value is an error: there, it means the default.
    pub(super) fn yes(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        self.either(key, default, "yes", "no")
    }

    fn either(&self, key: &str, default: bool, on: &str, off: &str) -> Result<bool, ConfigError> {
        let Some(property) = self.map.get(key) else { return Ok(default) };
        match property.value.to_ascii_lowercase().as_str() {
            value if value == on => Ok(true),
            value if value == off => Ok(false),
            _ => {
                let remedy = format!("write {key}={on} or {key}={off}");
                Err(wrong(property, &format!("neither {on} nor {off}"), &remedy))
            }
        }
    }

    /// An error about a key that has a value here, or about one that is missing.
    pub(super) fn error(&self, key: &str, why: &str, remedy: &str) -> ConfigError {
        match self.map.get(key) {
            Some(property) => wrong(property, why, remedy),
            None => whole(&self.file, why, remedy),
        }
    }
}

/// An error about one property.
pub(super) fn wrong(property: &Property, why: &str, remedy: &str) -> ConfigError {
    ConfigError {
        place: property.place.clone(),
        key: property.key.clone(),
        value: property.value.clone(),
        why: why.to_string(),
        remedy: remedy.to_string(),
    }
}

/// An error about a file or a command line as a whole.
pub(super) fn whole(place: &str, why: &str, remedy: &str) -> ConfigError {
    ConfigError {
        place: place.to_string(),
        key: String::new(),
        value: String::new(),
        why: why.to_string(),
        remedy: remedy.to_string(),
    }
}
