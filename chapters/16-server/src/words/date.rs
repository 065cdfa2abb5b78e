//! Dates, as Java prints them in UTC.
//!
//! ZooKeeper: `java.util.Date.toString`.

/// A moment in ms since 1970, as `Fri Nov 20 12:32:29 UTC 2026`.
pub fn date(wall_ms: i64) -> String {
    let seconds = wall_ms.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let weekday = WEEKDAYS[(days + 4).rem_euclid(7) as usize];
    let (year, month, day) = civil(days);
    let month = MONTHS[month];
    format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}")
}

/// 1970 began with a Thursday.
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month from 0 and day from 1 of a day since 1970.
fn civil(days: i64) -> (i64, usize, i64) {
    // Years begin with March here, so that the day that comes and goes is the last one of a year.
    let days = days + DAYS_TO_1970;
    let (era, day) = (days.div_euclid(DAYS_OF_400), days.rem_euclid(DAYS_OF_400));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let turned = i64::from(month >= 10);
    (era * 400 + year + turned, ((month + 2) % 12) as usize, day - first + 1)
}

/// From March 1 of year 0 to January 1, 1970.
const DAYS_TO_1970: i64 = 719_468;
/// The calendar repeats after 400 years.
const DAYS_OF_400: i64 = 146_097;
