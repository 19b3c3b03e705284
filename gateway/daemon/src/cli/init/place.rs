//! In which country this host is, as far as its clock knows.

use policy::Country;

/// Which country a zone of the clock belongs to (tzdata); in Debian's minimal systems it is not there.
const ZONES: &str = "/usr/share/zoneinfo/zone.tab";

/// The country of the clock's zone; none if the clock counts in UTC or the table is not there.
pub(super) fn guess() -> Option<Country> {
    let zone = jiff::tz::TimeZone::system();
    country_of(&std::fs::read_to_string(ZONES).ok()?, zone.iana_name()?)
}

/// The country in `zone.tab` for a zone.
fn country_of(table: &str, zone: &str) -> Option<Country> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| line.split('\t'))
        .find_map(|mut columns| {
            Some((columns.next()?, columns.nth(1)?)).filter(|row| row.1 == zone)
        })
        .and_then(|(code, _)| Country::parse(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_tells_its_country() {
        let table = "# comment\nDE\t+5230+01322\tEurope/Berlin\tmost of Germany\n\
                     IE\t+5320-00615\tEurope/Dublin\n";
        let code = |zone| country_of(table, zone).map(|it| it.to_string());
        assert_eq!(code("Europe/Berlin").as_deref(), Some("DE"));
        assert_eq!(code("Europe/Dublin").as_deref(), Some("IE"));
        assert_eq!(code("Etc/UTC"), None);
    }
}
