"""Visits a page twice by HTTP and twice by HTTPS, and seeks in its video.

visits.py DIR CERTIFICATE PROFILE SCREENSHOT: DIR is what is served, the page is made there. Writes what the browser
saw, JSON, a line for each visit."""

import base64
import json
import os
import subprocess
import sys

import webm
from chromium import Chromium

SECONDS = 20
PADDING = 300_000
SOUGHT = 15

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A page by glasstack</title>
<link rel="stylesheet" href="style.css">
<h1>A page by glasstack</h1>
<p>Style, pictures and video came over a TCP in userspace, to Chromium on the kernel's.</p>
<p>%s</p>
<video src="video.webm" width="320" height="180" preload="metadata" muted></video>
"""
STYLE = """h1 { color: rgb(0, 90, 160) }
body { font: 17px sans-serif; margin: 24px; background: rgb(246, 248, 250) }
img { width: 72px; height: 72px; margin-right: 8px; border-radius: 8px }
video { border: 6px solid rgb(0, 90, 160); border-radius: 8px }
"""
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72"
fill="hsl(%d 60%% 45%%)"/><circle cx="36" cy="36" r="%d" fill="white"/></svg>
"""

# A picture for each second: its number, on a ground that is another one each time.
DRAW = """[...Array(%d).keys()].map(second => {
    const canvas = document.createElement('canvas')
    canvas.width = %d; canvas.height = %d
    const on = canvas.getContext('2d', {alpha: false})
    on.fillStyle = `rgb(${10 * second}, ${230 - 10 * second}, 128)`
    on.fillRect(0, 0, 320, 180)
    on.fillStyle = 'white'; on.font = '90px sans-serif'; on.textAlign = 'center'
    on.fillText(`${second} s`, 160, 120)
    return canvas.toDataURL('image/webp', 0.8)
})"""

LOOK = """(async () => {
    const video = document.querySelector('video')
    const once = name => new Promise((done, fail) => {
        video.addEventListener(name, done, {once: true})
        video.addEventListener('error', () => fail(new Error(video.error.message)), {once: true})
    })
    if (video.readyState < 2) await once('loadeddata')
    const seeked = once('seeked')
    video.currentTime = %d.5
    await seeked
    // Until it is on the screen, for the screenshot.
    await new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 300))
    const canvas = document.createElement('canvas')
    canvas.width = 320; canvas.height = 180
    const on = canvas.getContext('2d')
    on.drawImage(video, 0, 0)
    const how = performance.getEntriesByType('navigation')[0].nextHopProtocol
    return {
        protocol: how, duration: video.duration, ground: [...on.getImageData(10, 10, 1, 1).data],
        color: getComputedStyle(document.querySelector('h1')).color,
        pictures: [...document.images].filter(image => image.naturalWidth > 0).length,
    }
})()"""


def make(folder):
    def write(name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    names = [f"picture-{n}.svg" for n in range(8)]
    for n, name in enumerate(names):
        write(name, PICTURE % (n * 45, 8 + 3 * n))
    write("style.css", STYLE)
    write("index.html", PAGE % " ".join(f'<img src="{name}" alt="">' for name in names))


def pin_of(certificate):
    """Of its key, by which Chromium knows it: what it does not trust it does not keep either."""
    line = f"openssl x509 -in '{certificate}' -pubkey -noout | openssl pkey -pubin -outform der"
    key = subprocess.run(["sh", "-c", line + " | openssl dgst -sha256 -binary"], check=True,
                         capture_output=True).stdout
    return base64.b64encode(key).decode()


def main():
    folder, certificate, profile, screenshot = sys.argv[1:]
    make(folder)
    pin = f"--ignore-certificate-errors-spki-list={pin_of(certificate)}"
    chromium = Chromium(profile, [pin])
    pictures = chromium.run(DRAW % (SECONDS, webm.WIDTH, webm.HEIGHT))
    with open(os.path.join(folder, "video.webm"), "wb") as file:
        file.write(webm.video(pictures, PADDING))
    # What was changed a moment ago has a weak tag only.
    for name in os.listdir(folder):
        os.utime(os.path.join(folder, name), (1e9, 1e9))
    for scheme in ("http", "https"):
        for visit in (1, 2):
            chromium.visit(f"{scheme}://192.0.2.2/")
            seen = chromium.run(LOOK % SOUGHT)
            print(json.dumps({"scheme": scheme, "visit": visit} | seen), flush=True)
            if (scheme, visit) == ("http", 1):
                taken = chromium.call("Page.captureScreenshot", format="png")["data"]
                with open(screenshot, "wb") as file:
                    file.write(base64.b64decode(taken))
            chromium.visit("about:blank")
            # So that the log can be told apart.
            chromium.run("new Promise(done => setTimeout(done, 200))")
    chromium.end()


main()
