//! Too much of what HTTP/2 allows (RFC 9113 section 10.5): the connection ends or is held to its bounds, memory stays
//! bounded, and everybody else is served.

use anyhow::{Context as _, Result, ensure};

use super::{
    front::Front,
    http2::frames::{
        CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM,
        SETTINGS, frame, get, string,
    },
    wire::Way,
};

/// By how much the gateway's memory may grow, KiB: what a flood sends is many times that.
const GROWTH_MAX_KIB: u64 = 48 * 1024;
/// The largest frame that a peer takes unless it says otherwise.
const FRAME_BYTES: usize = 16 * 1024;
/// `ENHANCE_YOUR_CALM` (RFC 9113 section 7).
const CALM: u32 = 11;
const WINDOW_UPDATE: u8 = 8;
const PRIORITY: u8 = 2;

/// Lets `flood` loose on a connection, and sees that the gateway is as it was.
fn flood(flood: impl Fn(&Front, Way, &str) -> Result<()>) -> Result<()> {
    let front = Front::new()?;
    for way in [Way::Reverse, Way::Intercepted] {
        front.serves(&format!("before-{way:?}"))?;
        let before = front.gateway.memory_peak_kib()?;
        flood(&front, way, &format!("/things/f-{way:?}")).with_context(|| format!("{way:?}"))?;
        front.serves(&format!("after-{way:?}"))?;
        let grown = front.gateway.memory_peak_kib()?.saturating_sub(before);
        ensure!(grown < GROWTH_MAX_KIB, "{way:?}: {grown} KiB more");
    }
    front.finish_given_up()
}

/// Sends `bytes` up to `times`; how often the gateway took them.
fn repeat(connection: &mut Connection, bytes: &[u8], times: usize) -> usize {
    (0..times)
        .take_while(|_| connection.send_all(bytes))
        .count()
}

#[test]
fn fields_that_go_on_for_ever_end_the_connection() -> Result<()> {
    flood(|front, way, path| {
        let mut connection = Connection::open(front, way)?;
        connection.send(HEADERS, END_STREAM, 1, &get(path));
        let more = frame(CONTINUATION, 0, 1, &vec![0; FRAME_BYTES]);
        let taken = repeat(&mut connection, &more, 16 * 1024);
        ensure!(taken < 16 * 1024, "all of it was taken");
        connection.until_closed()?;
        ensure!(front.got(path)?.is_empty(), "it was passed on");
        Ok(())
    })
}

#[test]
fn fields_that_unpack_to_more_are_refused() -> Result<()> {
    flood(|front, way, path| {
        let mut connection = Connection::open(front, way)?;
        // A field of 4 000 bytes that is kept (RFC 7541 section 6.2.1), then named again and again by a byte.
        let mut fields = get(path);
        fields.push(0x40);
        string(&mut fields, b"x-a");
        string(&mut fields, &vec![b'a'; 3_900]);
        fields.extend(vec![0xbe; 12_000]);
        connection.send(HEADERS, END_STREAM | END_HEADERS, 1, &fields);
        connection.until_done(&[1])?;
        let told = connection.stream(1);
        ensure!(told.asked().is_none(), "{told:?}");
        ensure!(front.got(path)?.is_empty(), "it was passed on");
        Ok(())
    })
}

#[test]
fn requests_that_are_taken_back_at_once_end_the_connection() -> Result<()> {
    /// Many more than any client takes back.
    const TIMES: u32 = 20_000;
    flood(|front, way, path| {
        let mut connection = Connection::open(front, way)?;
        let fields = get(path);
        let mut taken = 0;
        for at in 0..TIMES {
            let on = 2 * at + 1;
            let pair = [
                frame(HEADERS, END_STREAM | END_HEADERS, on, &fields),
                frame(RST_STREAM, 0, on, &8_u32.to_be_bytes()),
            ];
            if !connection.send_all(&pair.concat()) {
                break;
            }
            taken += 1;
        }
        connection.until_closed()?;
        ensure!(taken < TIMES, "all were taken");
        ensure!(
            matches!(connection.goaway, None | Some(CALM)),
            "{:?}",
            connection.goaway
        );
        let got = front.got(path)?.len();
        ensure!(got < 1_000, "{got} were passed on");
        Ok(())
    })
}

#[test]
fn more_streams_than_are_offered_are_refused() -> Result<()> {
    flood(|front, way, path| {
        let mut connection = Connection::open(front, way)?;
        // Bodies that do not come.
        let mut all: Vec<u32> = Vec::new();
        for at in 0..200 {
            let on = 2 * at + 1;
            connection.send(HEADERS, END_HEADERS, on, &get(path));
            all.push(on);
        }
        connection.until_done(all.get(150..).unwrap_or_default())?;
        let refused = all
            .iter()
            .filter(|on| connection.stream(**on).reset == Some(7));
        ensure!(
            refused.count() >= 50 || connection.ended(),
            "all were taken"
        );
        Ok(())
    })
}

#[test]
fn frames_that_ask_for_answers_and_are_never_read_cost_no_memory() -> Result<()> {
    let floods: [(&str, Vec<u8>); 4] = [
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
    ];
    for (name, one) in floods {
        flood(|front, way, _| {
            let mut connection = Connection::open(front, way)?;
            // Written while a peer that reads nothing is still listened to.
            repeat(&mut connection, &one.repeat(1_000), 500);
            Ok(())
        })
        .context(name)?;
    }
    Ok(())
}

#[test]
fn pieces_without_anything_in_them_are_bounded() -> Result<()> {
    flood(|front, way, path| {
        let mut connection = Connection::open(front, way)?;
        let fields = get(path);
        connection.send(HEADERS, END_HEADERS, 1, &fields);
        let nothing = frame(DATA, 0, 1, &[]);
        repeat(&mut connection, &nothing.repeat(1_000), 200);
        Ok(())
    })
}

#[test]
fn windows_that_stay_shut_hold_nobody_else_up() -> Result<()> {
    flood(|front, way, path| {
        // SETTINGS_INITIAL_WINDOW_SIZE of nothing (RFC 9113 section 6.5.2).
        let mut connection = Connection::with_settings(front, way, &[0, 4, 0, 0, 0, 0])?;
        for at in 0..100 {
            connection.ask(2 * at + 1, path);
        }
        front.serves(&format!("beside-{way:?}"))?;
        // Opened too far, it is a fault (section 6.9.1).
        let all = 0x7fff_ffff_u32.to_be_bytes();
        connection.send(WINDOW_UPDATE, 0, 0, &all);
        connection.send(WINDOW_UPDATE, 0, 0, &all);
        connection.until_closed()?;
        ensure!(connection.goaway == Some(3), "{:?}", connection.goaway);
        Ok(())
    })
}
