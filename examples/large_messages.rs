//! Large messages written straight into their slot: buffers are reused, never copied.

use std::thread;

use stentor::Bus;

/// What a slot holds; its buffer stays allocated from one lap of the ring to the next.
#[derive(Default)]
struct Frame {
    number: u32,
    pixels: Vec<u8>,
}

fn main() {
    let bus = Bus::<Frame>::new(8);
    let publisher = bus.publisher();
    let mut screen = bus.subscribe();

    let reader = thread::spawn(move || {
        let (mut frames, mut bytes) = (0, 0);
        while let Ok(batch) = screen.read(4) {
            for frame in &batch {
                assert!(frame.pixels.iter().all(|&p| p == frame.number as u8));
                frames += 1;
                bytes += frame.pixels.len();
            }
        }
        println!("{frames} frames, {bytes} bytes, read in place");
    });

    for number in 0..100 {
        let write = |frame: &mut Frame| {
            // The slot holds a default or an older frame: overwrite all of it.
            frame.number = number;
            frame.pixels.clear();
            frame.pixels.resize(64 * 1024, number as u8);
        };
        publisher.publish_with(write).unwrap();
    }
    drop(publisher);
    reader.join().unwrap();
}
