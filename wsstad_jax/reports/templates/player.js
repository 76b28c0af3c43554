'use strict';
const {videos, colors} = JSON.parse(document.getElementById('data').textContent);
const byId = id => document.getElementById(id);
const player = byId('video'), boxes = byId('boxes'), time = byId('time');
const rows = [...document.querySelectorAll('#list tbody tr')];
const layers = [...document.querySelectorAll('#layers input')];
let video = videos[0], frame = 0;

function isShown(layer) {
  const box = layers.find(input => input.dataset.layer === layer);
  return !box || box.checked;
}

function drawBoxes() {
  const pen = boxes.getContext('2d'), thickness = Math.max(2, boxes.height / 160);
  pen.clearRect(0, 0, boxes.width, boxes.height);
  pen.lineWidth = thickness;
  pen.font = `600 ${Math.max(11, boxes.height / 26)}px system-ui, sans-serif`;
  pen.textBaseline = 'bottom';
  const scale = boxes.height / video.height;  // canvas pixels for a pixel of the video
  const draw = (layer, tube, text) => {
    const box = tube.boxes_xyxy[frame - tube.start];
    if (!box || !isShown(layer)) return;
    const [left, top, right, bottom] = box.map(edge => edge * scale);
    pen.strokeStyle = pen.fillStyle = colors[layer];
    pen.strokeRect(left, top, right - left, bottom - top);
    const width = pen.measureText(text).width + 6, height = parseInt(pen.font.split(' ')[1]) + 4;
    const x = Math.max(0, Math.min(left - thickness / 2, boxes.width - width));
    const above = top > height && layer !== 'truth' || bottom + height > boxes.height;
    const y = above ? Math.max(top, height) : bottom + height;  // of the text's lower edge
    pen.fillRect(x, y - height, width, height);
    pen.fillStyle = '#fff';
    pen.fillText(text, x + 3, y - 1);
  };
  video.truths.forEach(tube => draw('truth', tube, 'event'));
  [...video.tubes.keys()].reverse().forEach(rank => draw(
      rank ? 'runner_up' : 'predicted', video.tubes[rank],
      `${rank + 1}: ${video.tubes[rank].score.toFixed(2)}`));
}

function drawTime() {
  time.width = 2 * time.clientWidth;  // which also clears it
  const pen = time.getContext('2d'), count = video.scores.length, foot = 26, bars = 24;
  const x = index => index * time.width / count;
  const height = time.height - foot - bars;  // of the curve at a score of 1
  const bar = (layer, tube, row) => {
    if (!isShown(layer)) return;
    pen.fillStyle = colors[layer];
    pen.fillRect(x(tube.start), row * 11, Math.max(x(tube.boxes_xyxy.length), 3), 9);
  };
  video.truths.forEach(tube => bar('truth', tube, 0));
  video.tubes.slice(0, 1).forEach(tube => bar('predicted', tube, 1));
  pen.fillStyle = '#d5dbe6';
  [0.5, 1].forEach(score => pen.fillRect(0, bars + height * (1 - score), time.width, 1));
  pen.fillStyle = colors.curve;
  for (let column = 0; column < time.width; column++) {
    const first = Math.floor(column * count / time.width);
    const last = Math.max(first + 1, Math.floor((column + 1) * count / time.width));
    let high = 0;  // the largest score of the column's frames, so that short peaks are seen
    for (let index = first; index < last; index++) high = Math.max(high, video.scores[index]);
    pen.fillRect(column, bars + height * (1 - high), 1, height * high);
  }
  pen.fillStyle = '#5b6577';
  pen.font = '20px system-ui, sans-serif';
  pen.textBaseline = 'bottom';
  pen.fillText('0 s', 2, time.height);
  pen.textAlign = 'right';
  pen.fillText(`${(count / video.rate).toFixed(1)} s`, time.width - 2, time.height);
  pen.textAlign = 'left';
  pen.fillStyle = '#000';
  pen.fillRect(x(frame + 0.5) - 1, 0, 3, time.height - foot);
}

function show(index) {
  frame = Math.min(Math.max(index, 0), video.scores.length - 1);
  drawBoxes();
  drawTime();
  time.setAttribute('aria-valuenow', frame);
  byId('moment').textContent = `${(frame / video.rate).toFixed(2)} s, frame ${frame} of ` +
      `${video.scores.length}, score ${video.scores[frame].toFixed(3)}`;
}

function jump(index) {
  show(index);
  if (player.readyState > 0) player.currentTime = (frame + 0.5) / video.rate;
}

function choose(index) {
  video = videos[index];
  rows.forEach(row => row.classList.toggle('chosen', Number(row.dataset.index) === index));
  byId('name').textContent = video.video_id;
  byId('fault').hidden = true;
  byId('stage').style.aspectRatio = `${video.width} / ${video.height}`;
  // Small videos are enlarged; text and lines on them should not be coarse.
  const scale = Math.max(1, 720 / video.height);
  boxes.width = Math.round(video.width * scale);
  boxes.height = Math.round(video.height * scale);
  time.setAttribute('aria-valuemax', video.scores.length - 1);
  player.src = video.source;
  player.playbackRate = player.defaultPlaybackRate = Number(byId('speed').value);
  show(video.tubes.length ? video.tubes[0].start : 0);
}

function toggle() {
  if (player.paused) player.play().catch(() => {}); else player.pause();
}

function follow(now, shown) {  // called for each frame that comes onto the screen
  if (!player.seeking) show(Math.round(shown.mediaTime * video.rate));
  player.requestVideoFrameCallback(follow);
}

function sortRows(key, up) {
  const value = row => videos[Number(row.dataset.index)].sorted[key];
  rows.sort((one, other) => {
    const a = value(one), b = value(other);
    return (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1);
  });
  rows.forEach(row => row.parentNode.append(row));
  document.querySelectorAll('#list th').forEach(heading => {
    if (heading.firstChild.dataset.key !== key) heading.removeAttribute('aria-sort');
    else heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  });
  if (byId('failures')) byId('failures').setAttribute('aria-pressed', key === 'failure' && !up);
}

player.addEventListener('loadedmetadata', () => jump(frame));
player.addEventListener('error', () => { byId('fault').hidden = false; });
['play', 'pause'].forEach(name => player.addEventListener(name, () => {
  byId('play').textContent = player.paused ? 'Play' : 'Pause';
}));
byId('play').addEventListener('click', toggle);
byId('stage').addEventListener('click', toggle);
byId('speed').addEventListener('change', () => { player.playbackRate = Number(byId('speed').value); });
layers.forEach(input => input.addEventListener('change', () => show(frame)));
time.addEventListener('click', event => {
  const edges = time.getBoundingClientRect();
  jump(Math.floor((event.clientX - edges.left) / edges.width * video.scores.length));
});
time.addEventListener('keydown', event => {
  const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (step) { event.preventDefault(); player.pause(); jump(frame + step); }
  if (event.key === ' ') { event.preventDefault(); toggle(); }
});
rows.forEach(row => {
  const open = () => {
    choose(Number(row.dataset.index));
    byId('view').scrollIntoView({block: 'nearest'});
  };
  row.addEventListener('click', open);
  row.addEventListener('keydown', event => { if (event.key === 'Enter') open(); });
});
document.querySelectorAll('#list th button').forEach(button => {
  button.addEventListener('click', () => {
    sortRows(button.dataset.key, button.parentNode.getAttribute('aria-sort') === 'descending');
  });
});
if (byId('failures')) {
  byId('failures').addEventListener('click', () => {
    sortRows('failure', false);
    if (rows.length) choose(Number(rows[0].dataset.index));
  });
}
window.addEventListener('resize', drawTime);
if (videos.length) choose(0);
if (player.requestVideoFrameCallback) player.requestVideoFrameCallback(follow);
