#![allow(unsafe_code, missing_docs)]
use readlens_kernels::product::*;
use readlens_kernels::*;
fn nums(s: u32, n: usize) -> Vec<f32> { let mut x = s; (0..n).map(|_| { x = x.wrapping_mul(1664525).wrapping_add(1013904223); ((x >> 8) as f32 / (1 << 23) as f32 - 1.0) * 0.2 }).collect() }
fn cpu() -> f64 { let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 }; unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) }; t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9 }
fn med(mut f: impl FnMut()) -> f64 { f(); let mut t: Vec<f64> = (0..7).map(|_| { let s = cpu(); f(); (cpu() - s) * 1e3 }).collect(); t.sort_by(f64::total_cmp); t[0] }
fn main() {
    for level in [Level::Amx] { for precision in [Precision::F32, Precision::Bf16] {
        let e = Engine::new(level, precision);
        let (m, n, k) = (128, 384, 128);
        let (a, b) = (nums(1, m * k), nums(2, n * k));
        let mut c = vec![0f32; m * n];
        let (mut lb, mut rb) = (Buffer::default(), PackedRight::default());
        rb.pack(e, Matrix::rows(&b, n, k).transposed());
        let t = med(|| for _ in 0..200 { let l = left(e, Matrix::rows(&a, m, k), &mut lb); product(e, &l, &rb.right(e), Update::Set, &mut c, n); });
        let gf = 200.0 * 2.0 * (m * n * k) as f64 / t / 1e6;
        let (dim, layers, heads, ff, batch, tokens) = (128, 4, 4, 512, 16usize, 502usize);
        let v = 4100;
        let mk = |n: usize| nums(n as u32, n);
        let one = |n: usize| vec![1f32; n];
        struct L { n1: Vec<f32>, z: Vec<f32>, qkv: Vec<f32>, out: Vec<f32>, f1: Vec<f32>, f2: Vec<f32>, b: Vec<f32> }
        let ls: Vec<L> = (0..layers).map(|_| L { n1: one(dim), z: vec![0.0; dim], qkv: mk(3 * dim * dim), out: mk(dim * dim), f1: mk(ff * dim), f2: mk(ff * dim), b: vec![0.0; 4096] }).collect();
        let (tok, pos) = (mk(v * dim), mk(tokens * dim));
        let nrm = |l: &L| unsafe { std::mem::transmute::<Affine<&[f32]>, Affine<&'static [f32]>>(Affine { weight: &l.n1[..], bias: &l.z[..] }) };
        fn aff<'a>(w: &'a [f32], b: &'a [f32], o: usize) -> Affine<&'a [f32]> { Affine { weight: w, bias: &b[..o] } }
        let tensors = EncoderTensors { token: &tok[..], position: &pos[..], embedding_norm: Some(nrm(&ls[0])), stem: None,
            layers: ls.iter().map(|l| LayerTensors { norm_1: nrm(l), qkv: aff(&l.qkv, &l.b, 3 * dim), out: aff(&l.out, &l.b, dim), norm_2: nrm(l), ff_1: aff(&l.f1, &l.b, ff), ff_2: aff(&l.f2, &l.b, dim) }).collect(), final_norm: Some(nrm(&ls[0])) };
        let enc = Encoder { engine: e, shape: EncoderShape { dim, heads, feed_forward: ff, patch: 1, norm: NormPlace::Pre, site: MaskSite::Embedding, has_cls: true }, tensors, dropout: None };
        let ids: Vec<u32> = (0..batch * tokens).map(|i| (i as u32 * 7919) % 4000 + 3).collect();
        let lengths = vec![tokens; batch];
        let mask = vec![1f32; ids.len()];
        let t = Tokens { ids: &ids, lengths: &lengths, mask: Some(&mask) };
        let (mut stash, mut work) = (EncoderStash::default(), EncoderWork::default());
        let fwd = med(|| { enc.forward(t, Output::Mean, false, &mut stash, &mut work); });
        let up = vec![1f32; batch * dim];
        let mut gm = vec![0f32; ids.len()];
        // 8 shards
        let mut shard = |frozen: bool| { for s in 0..8 { let r = s * 2 * tokens..(s + 1) * 2 * tokens; let t = Tokens { ids: &ids[r.clone()], lengths: &lengths[..2], mask: Some(&mask[r.clone()]) };
            enc.forward(t, Output::Mean, true, &mut stash, &mut work);
            let mut bufs: Vec<Vec<f32>> = Vec::new();
            if !frozen {
                enc.tensors.layers.iter().for_each(|_| {});
                let sizes = |x: &EncoderTensors<&[f32]>| { let mut v = vec![]; let y = EncoderTensors { token: x.token, position: x.position, embedding_norm: x.embedding_norm, stem: x.stem, layers: x.layers.clone(), final_norm: x.final_norm }; let _ = y.try_map(|s| { v.push(s.len()); Ok::<_, ()>(()) }); v };
                bufs = sizes(&enc.tensors).into_iter().map(|n| vec![0f32; n]).collect();
            }
            if frozen { enc.backward(t, Output::Mean, &up[..2 * dim], &stash, None, Some(&mut gm[r]), &mut work); }
            else { let x = &enc.tensors; let y = EncoderTensors { token: x.token, position: x.position, embedding_norm: x.embedding_norm, stem: x.stem, layers: x.layers.clone(), final_norm: x.final_norm };
                let mut it = bufs.iter_mut(); let mut g = y.try_map(|_| Ok::<_, ()>(&mut it.next().unwrap()[..])).unwrap();
                enc.backward(t, Output::Mean, &up[..2 * dim], &stash, Some(&mut g), None, &mut work); }
        } };
        let frz = med(|| shard(true));
        let trn = med(|| shard(false));
        println!("{level} {precision:?}: product {gf:.0} GF/s, forward {fwd:.1} ms, frozen {frz:.1}, train {trn:.1}");
    } }
}
