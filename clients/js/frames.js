// Event streams (text/event-stream) as they arrive.

// The frames of a body: {id, event, data, retry}, of which those that were sent are there, and {comment}. heard() is
// called whenever bytes came. Ends with the body or the signal; a frame that was not finished by then is none.
export async function* readFrames(body, { heard, signal }) {
  const reader = body.getReader();
  const cancel = () => reader.cancel().catch(() => {});
  signal?.addEventListener('abort', cancel); // not every fetch() ends a read that waits
  const decoder = new TextDecoder();
  let rest = ''; // of a line, put together but not looked at before its end is there: it may be long
  let afterReturn = false;
  let frame = {};
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      let text = decoder.decode(value, { stream: true });
      if (text === '') continue;
      if (afterReturn && text[0] === '\n') text = text.slice(1);
      afterReturn = text.endsWith('\r');
      const lines = text.split(/\r\n|\n|\r/);
      lines[0] = rest + lines[0];
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (Object.keys(frame).length > 0) yield frame;
          frame = {};
        } else if (line[0] === ':') {
          yield { comment: line.slice(1).trim() };
        } else {
          const [, name, content] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line);
          frame[name] = name === 'data' && frame.data !== undefined ? `${frame.data}\n${content}` : content;
        }
      }
    }
  } finally {
    cancel();
  }
}
